local MemoryStore = require "ratchet.session.memory_store"
local SessionProvider = require "ratchet.session.session_provider"
local WsServer = require "ratchet.websocket.ws_server"
local crypto = require "support.crypto"
local fake_core = require "support.fake_core"
local layers = require "support.layers"

describe("SessionProvider", function()
  local core, store, inner
  before_each(function()
    core = fake_core.install()
    crypto.install(core)
    store, inner = MemoryStore(), layers.answering()
    store:write("abc", 'user|s:3:"ada";')
  end)
  after_each(fake_core.remove)

  local function session_of(cookie, given)
    SessionProvider(inner, store, given):handle(layers.get("/", { Cookie = cookie }))
    return inner.request.Session
  end

  it("gives the request and the connection a session (Ratchet: testConnectionValueFromPdo)",
    function()
      local session = session_of("PHPSESSID=abc")
      assert.are.equal("abc", session.id)
      assert.are.equal("ada", session:get("user"))
      assert.are.equal(session, inner.request.connectionFields.Session)
    end)

  it("does not raise for a serializer that it knows (Ratchet: testToClassCase)", function()
    for _, name in ipairs({ "php", "php_binary", "php_serialize", "json" }) do
      assert.is_table(SessionProvider(inner, store, { serializer = name }))
    end
  end)

  it("raises for another serializer (Ratchet: testCtorThrowsForInvalidSerializer, "
    .. "testRejectInvalidSeralizers)", function()
    assert.error_matches(function() SessionProvider(inner, store, { serializer = "wddx" }) end,
      'option "serializer" must be "php" or "php_binary" or "php_serialize" or "json"')
    assert.error_matches(function() SessionProvider(inner, store, { serializer = {} }) end,
      'option "serializer" must be')
  end)

  it("is not on the way of messages (Ratchet: testOpen, testOnMessageDecorator, testOnClose, "
    .. "testOnError)", function()
    local component = layers.component()
    local provider = SessionProvider(component, store)
    local request = layers.get("/", { Cookie = "PHPSESSID=abc" })
    local endpoint = provider:handle(request)
    assert.are.equal(core.endpoints[1], endpoint)
    assert.are.equal(component, core.endpoints[1].component)
    assert.are.equal("ws", provider.scheme)
  end)

  it("asks any store (Ratchet: VirtualSessionStorage testStartWithDSN)", function()
    local asked
    store = {
      read = function(_, id)
        asked = id
        return "n|i:5;"
      end,
      write = function() return true end,
      destroy = function() return true end,
    }
    assert.are.equal(5, session_of("PHPSESSID=abc"):get("n"))
    assert.are.equal("abc", asked)
  end)

  it("reads nothing before it is asked, but with autoLoad", function()
    local count, read = 0, store.read
    function store.read(...)
      count = count + 1
      return read(...)
    end
    session_of("PHPSESSID=abc")
    assert.are.equal(0, count)
    session_of("PHPSESSID=abc", { autoLoad = true })
    assert.are.equal(1, count)
  end)

  it("finds the cookie by RFC 6265, whatever stands beside it", function()
    for _, cookie in ipairs({ "PHPSESSID=abc", 'PHPSESSID="abc"', "a=1; PHPSESSID=abc; b=2",
      "a=1; path=/; PHPSESSID=abc", "version=1; expires=x; PHPSESSID=abc", "junk; PHPSESSID=abc",
      "=; PHPSESSID=abc", "PHPSESSID=abc; PHPSESSID=other", "a=1;PHPSESSID=abc" }) do
      assert.are.equal("abc", session_of(cookie).id, cookie)
    end
    assert.are.equal("abc", session_of("sid=abc", { name = "sid" }).id)
  end)

  it("is empty without a cookie, and for what can be no id", function()
    for _, cookie in ipairs({ "", "other=abc", "PHPSESSID=", "PHPSESSID=../abc", "PHPSESSID=a%2F",
      "PHPSESSID=" .. ("a"):rep(257), "phpsessid=abc" }) do
      local session = session_of(cookie)
      assert.are.equal("", session.id, cookie)
      assert.are.same({}, (session:all()))
    end
  end)

  local function answer_of(fn, cookie, given)
    local layer = { handle = function(_, request) return fn(request.Session) end }
    return SessionProvider(layer, store, given):handle(layers.get("/", { Cookie = cookie }))
  end

  it("sends the cookie of a new session with the answer", function()
    local status, body, headers, over = answer_of(function(session)
      session:set("user", "bob"):save()
      return 200, "hello", { ["Set-Cookie"] = "a=1", X = "y" }, "over"
    end, "")
    assert.are.same({ 200, "hello", "over", "y" }, { status, body, over, headers.X })
    local id = headers["Set-Cookie"][2]:match("^PHPSESSID=(%x+); Path=/; HttpOnly; SameSite=Lax$")
    assert.are.equal("a=1", headers["Set-Cookie"][1])
    assert.are.equal('user|s:3:"bob";', store:read(id))
  end)

  it("sends it with a 101, too, and with its own options", function()
    local component = layers.component()
    function component.onUpgrade(_, request) request.Session:set("n", 1):save() end
    local provider = SessionProvider(component, store, {
      name = "__Host-sid", cookie = { secure = true, sameSite = "Strict" },
    })
    local endpoint, _, headers = provider:handle(layers.get("/"))
    assert.are.equal(core.endpoints[1], endpoint)
    assert.matches("^__Host%-sid=%x+; Path=/; Secure; HttpOnly; SameSite=Strict$",
      headers["Set-Cookie"][1])
  end)

  it("sends a cookie over TLS only when the request came over TLS", function()
    for _, case in ipairs({ { nil, "; Secure" }, { { secure = false }, "" } }) do
      local component = layers.component()
      function component.onUpgrade(_, request) request.Session:set("n", 1):save() end
      local _, _, headers = SessionProvider(component, store, { cookie = case[1] }):handle(
        layers.get("/", {}, { secure = true }))
      assert.matches("^PHPSESSID=%x+; Path=/" .. case[2] .. "; HttpOnly", headers["Set-Cookie"][1])
    end
  end)

  it("lets the client forget a session that was destroyed", function()
    local _, _, headers = answer_of(function(session)
      session:destroy()
      return 204
    end, "PHPSESSID=abc", { cookie = { maxAge = 60 } })
    assert.are.same({ "PHPSESSID=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax" },
      headers["Set-Cookie"])
    assert.is_nil(store:read("abc"))
  end)

  it("changes no answer else, and sends nothing later", function()
    local session
    local _, _, headers = answer_of(function(given)
      session = given
      given:set("x", 1):save()
      return 200, "hello"
    end, "PHPSESSID=abc")
    assert.is_nil(headers)
    store:destroy("abc")
    assert.is_nil((session:set("x", 2):save()))
    local endpoint = {}
    assert.are.same({ "raw", endpoint }, { answer_of(function(given)
      given:set("a", 1):save()
      return "raw", endpoint
    end, "") })
  end)

  it("checks what it is made of", function()
    assert.error_matches(function() SessionProvider({}, store) end, "a component is a table with")
    assert.error_matches(function() SessionProvider(inner, nil) end, "this nil has no read")
    assert.error_matches(function() SessionProvider(inner, { read = print }) end,
      "this one has no write")
    assert.error_matches(function() SessionProvider(inner, store, { nam = "x" }) end,
      'did you mean "name"')
    assert.error_matches(function() SessionProvider(inner, store, { name = "a b" }) end,
      "no name of a cookie")
    assert.error_matches(function()
      SessionProvider(inner, store, { cookie = { sameSite = "None" } })
    end, "needs secure")
    assert.error_matches(function() WsServer(SessionProvider(inner, store)) end,
      "this is a layer, with a method handle")
  end)
end)
