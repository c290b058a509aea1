local fake_core = require "support.fake_core"

describe("addresses", function()
  local core, addresses
  local function same(value) return value end

  before_each(function()
    core = fake_core.install()
    package.loaded["ratchet.server.addresses"] = nil
    addresses = require "ratchet.server.addresses"
  end)
  after_each(fake_core.remove)

  local function serving(answer, options)
    return { server = { handle = function() return answer end }, options = options or {} }
  end

  local function open(port, what)
    return addresses.open({ address = "127.0.0.1", port = port }, what or serving(200))
  end

  it("asks the server at each request", function()
    local what = serving(200)
    open(8080, what)
    assert.are.equal(200, core.listened[1].handle({}))
    what.server.handle = function() return 404 end
    assert.are.equal(404, core.listened[1].handle({}))
  end)

  it("takes an address over that is open already", function()
    local bound = open(8080)
    addresses.begin()
    assert.is_true(addresses.is_open({ address = "127.0.0.1", port = 8080 }))
    assert.are.same(bound, open(8080, serving(404)))
    assert.are.equal(1, #core.listened)
    local changes = addresses.commit(same)
    assert.are.same({ opened = {}, closed = {}, renewed = {} }, changes)
    assert.are.equal(404, core.listened[1].handle({}))
  end)

  it("opens what is new and closes what is not wanted any more", function()
    open(8080)
    addresses.begin()
    open(8081)
    local changes = addresses.commit(same)
    assert.are.equal(8081, changes.opened[1].bound.port)
    assert.are.equal(8080, changes.closed[1].bound.port)
    assert.are.same({ 1 }, core.unlistened)
    assert.are.equal(1, #addresses.all())
  end)

  it("closes what was opened on trial, and nothing else", function()
    open(8080)
    addresses.begin()
    open(8080, serving(404))
    open(8081)
    addresses.abort()
    assert.are.same({ 2 }, core.unlistened)
    assert.are.equal(200, core.listened[1].handle({}))
  end)

  it("serves by new options what connects from then on", function()
    open(8080, serving(200, { maxBodySize = 1, trustedProxies = { "a" } }))
    addresses.begin()
    open(8080, serving(200, { maxBodySize = 1, trustedProxies = { "a" } }))
    assert.are.same({}, addresses.commit(same).renewed)
    addresses.begin()
    open(8080, serving(200, { maxBodySize = 1, trustedProxies = { "b" } }))
    assert.are.equal(1, #addresses.commit(same).renewed)
    local last = core.served[#core.served]
    assert.are.equal(1, last[1])
    assert.are.same({ "b" }, last[2].trustedProxies)
  end)

  it("closes all", function()
    open(8080)
    open(8081)
    addresses.close()
    assert.are.same({ 1, 2 }, core.unlistened)
    assert.are.same({}, addresses.all())
  end)

  it("forgets those that the core closes by itself", function()
    open(8080)
    addresses.forget()
    assert.are.same({}, addresses.all())
    assert.is_true(not core.unlistened or #core.unlistened == 0)
  end)

  it("knows what stands in the way", function()
    open(8080)
    assert.is_nil(addresses.rival({ address = "0.0.0.0", port = 8080 }))
    addresses.begin()
    assert.are.same({ address = "127.0.0.1", port = 8080 },
      addresses.rival({ address = "0.0.0.0", port = 8080 }))
    addresses.abort()
  end)
end)
