local MemoryStore = require "ratchet.session.memory_store"
local Session = require "ratchet.session.session"
local crypto = require "support.crypto"
local fake_core = require "support.fake_core"
local serializer = require "ratchet.session.serializer"

describe("Session", function()
  local core, store, session
  before_each(function()
    core = fake_core.install()
    crypto.install(core)
    store = MemoryStore()
    store:write("abc", 'user|s:3:"ada";n|i:1;o|O:1:"X":0:{}')
    session = Session(store, serializer.php, "abc")
    session.may_answer = false
  end)
  after_each(fake_core.remove)

  local function count_reads()
    local count, read = { n = 0 }, store.read
    function store.read(...)
      count.n = count.n + 1
      return read(...)
    end
    return count
  end

  it("is read when it is first asked for, and once", function()
    local reads = count_reads()
    assert.are.equal("abc", session.id)
    session:set("x", 1)
    assert.are.equal(0, reads.n)
    assert.are.equal("ada", session:get("user"))
    assert.are.equal("ada", session:get("user"))
    assert.are.equal(1, session:get("x"))
    assert.are.equal(1, reads.n)
    store:write("abc", 'user|s:3:"bob";')
    assert.are.equal("ada", session:get("user"))
    assert.is_true(session:load())
    assert.are.equal("bob", session:get("user"))
    assert.are.equal(1, session:get("x"))
  end)

  it("tells what is there, and what cannot be read", function()
    assert.are.equal("none", session:get("nobody", "none"))
    assert.is_nil((session:get("nobody")))
    assert.is_true(session:has("user"))
    assert.is_true(session:has("o"))
    assert.is_false(session:has("nobody"))
    local value, reason = session:get("o", "none")
    assert.is_nil(value)
    assert.are.equal('o: it has an object of the PHP class "X", and objects are not read', reason)
    local values, refused = session:all()
    assert.are.same({ user = "ada", n = 1 }, values)
    assert.is_string(refused.o)
    values.user = "eve"
    assert.are.equal("ada", session:get("user"))
  end)

  it("is empty without an id, and asks the store for nothing", function()
    local reads = count_reads()
    local empty = Session(store, serializer.php, nil)
    assert.are.equal("", empty.id)
    assert.is_nil((empty:get("user")))
    assert.are.same({}, (empty:all()))
    assert.are.equal(0, reads.n)
    empty.may_answer = false
    assert.are.same({ nil, "session: there is no session, and it is too late to send a cookie for "
      .. "a new one" }, { empty:set("a", 1):save() })
  end)

  it("saves what was changed here into what is there by then", function()
    assert.are.equal(1, session:get("n"))
    session:set("x", { 1, 2 }):remove("n")
    store:write("abc", 'user|s:3:"bob";n|i:9;o|O:1:"X":0:{}new|b:1;')
    assert.is_true(session:save())
    assert.are.equal('user|s:3:"bob";o|O:1:"X":0:{}new|b:1;x|a:2:{i:0;i:1;i:1;i:2;}',
      store:read("abc"))
    assert.are.equal("bob", session:get("user"))
    store:write("abc", 'x|i:1;')
    assert.is_true(session:save()) -- and what was saved is no change any more
    assert.are.equal("x|i:1;", store:read("abc"))
  end)

  it("clears", function()
    session:set("a", 1):clear():set("b", 2)
    assert.are.same({ b = 2 }, (session:all()))
    assert.is_true(session:save())
    assert.are.equal("b|i:2;", store:read("abc"))
  end)

  it("does not bring back what the site has ended", function()
    assert.are.equal("ada", session:get("user"))
    store:destroy("abc")
    assert.are.same({ nil, "session: the session has ended: it is not in the store any more" },
      { session:set("x", 1):save() })
    assert.is_nil(store:read("abc"))
    assert.are.equal(1, session:get("x"))
  end)

  it("keeps changes that could not be saved, and those that come meanwhile", function()
    local update = store.update
    function store.update() return nil, "the disk is full" end
    assert.are.same({ nil, "session: the disk is full" }, { session:set("x", 1):save() })
    function store.update() error("boom", 0) end
    assert.has_error(function() session:save() end, "boom")
    function store.update(...)
      session:set("y", 2)
      return update(...)
    end
    assert.is_true(session:save())
    assert.matches("x|i:1;$", store:read("abc"))
    assert.are.equal(2, session:get("y"))
    store.update = update
    assert.is_true(session:save())
    assert.matches("x|i:1;y|i:2;$", store:read("abc"))
  end)

  it("needs no update of the store", function()
    local data = { abc = "n|i:1;" }
    local plain = Session({
      read = function(_, id) return data[id] end,
      write = function(_, id, bytes)
        data[id] = bytes
        return true
      end,
      destroy = function() return true end,
    }, serializer.php, "abc")
    assert.is_true(plain:set("x", 1):save())
    assert.are.equal("n|i:1;x|i:1;", data.abc)
  end)

  it("makes a new one where a cookie can be sent, never under a stranger's id", function()
    local fresh = Session(store, serializer.php, "chosen-by-somebody")
    assert.is_true(fresh:set("user", "ada"):save())
    assert.are.equal(32, #fresh.id)
    assert.are.equal(fresh.id, fresh.cookie)
    assert.is_nil(store:read("chosen-by-somebody"))
    assert.are.equal('user|s:3:"ada";', store:read(fresh.id))
    fresh.may_answer = false
    assert.is_true(fresh:set("x", 1):save())
    assert.are.equal('user|s:3:"ada";x|i:1;', store:read(fresh.id))
  end)

  it("regenerates its id", function()
    assert.are.same({ nil, "session: it is too late to send a cookie" }, { session:regenerate() })
    session.may_answer = true
    assert.is_true(session:set("x", 1):regenerate())
    assert.are_not.equal("abc", session.id)
    assert.are.equal(session.id, session.cookie)
    assert.is_nil(store:read("abc"))
    assert.are.equal('user|s:3:"ada";n|i:1;o|O:1:"X":0:{}x|i:1;', store:read(session.id))
  end)

  it("is destroyed", function()
    session.may_answer = true
    assert.is_true(session:destroy())
    assert.is_nil(store:read("abc"))
    assert.are.same({ "", "" }, { session.id, session.cookie })
    assert.are.same({}, (session:all()))
  end)

  it("tells, and logs, why it cannot be had", function()
    function store.read() return nil, "connection lost" end
    assert.are.same({ nil, "session: connection lost" }, { session:get("user", "nobody") })
    assert.are.equal("warn session: connection lost", fake_core.last_log(core))
    assert.are.same({ false, "session: connection lost" }, { session:has("user") })
    assert.are.same({ nil, "session: connection lost" }, { session:all() })
    assert.are.same({ nil, "session: connection lost" }, { session:save() })
    function store.read() return "user|x" end
    assert.are.same({ nil,
      'session: it cannot be read: before byte 7 there is an unknown type "x"' },
      { session:get("user") })
    function store.read() return "user|i:1;" end
    assert.are.equal(1, session:get("user")) -- the next one tries again
  end)

  it("raises for what cannot be in it", function()
    assert.error_matches(function() session:set("a|b", 1) end, 'it must have no "|": a|b')
    assert.error_matches(function() session:set("a", nil) end, "Session:remove removes one")
    assert.error_matches(function() session:set("a", print) end, "it is a function")
    assert.are.same({ nil, "session: a: a function cannot be kept" },
      { session:set("a", { f = print }):save() })
  end)

  it("says what to do where nothing can wait", function()
    function core.checkWait() error("app.lua:1: nothing can wait here", 0) end
    assert.error_matches(function() session:get("user") end,
      "Session:get: nothing can wait here. Where something can wait, Session:load%(%) reads it")
    function core.checkWait() end
    session:load()
    function core.checkWait() error("app.lua:1: nothing can wait here", 0) end
    assert.are.equal("ada", session:get("user"))
    function core.checkWait() error("cancelled", 0) end
    assert.has_error(function() session:save() end, "cancelled")
  end)

  it("is read once for several handlers that ask at a time", function()
    local reads, seen = 0, {}
    function store.read()
      reads = reads + 1
      core.sleep(1)
      return "user|i:7;"
    end
    for i = 1, 3 do
      core.spawn(function() seen[i] = session:get("user") end)
    end
    core.run(2)
    assert.are.same({ 7, 7, 7 }, seen)
    assert.are.equal(1, reads)
  end)

  it("lets the next one try when the first one fails or is cancelled", function()
    local reads, seen = 0, {}
    function store.read()
      reads = reads + 1
      core.sleep(1)
      if reads == 1 then error("cancelled", 0) end
      return "user|i:7;"
    end
    for i = 1, 2 do
      core.spawn(function() seen[i] = { pcall(session.get, session, "user") } end)
    end
    core.run(3)
    assert.are.same({ { false, "cancelled" }, { true, 7 } }, seen)
  end)
end)
