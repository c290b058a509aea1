---@meta ratchet.core

-- What the C core gives to Lua, for editors and readers. Every function and field
-- that C offers stands here once, and nothing else does: a test compares the two.
-- It is never loaded: ratchet.core itself is part of the program.
--
-- A function raises when it is called with what it cannot take. What it says under
-- "Raises" is that; other failures are returned as nil, message, code.

---A component with the limits that hold for its connections.
---@class ratchet.Endpoint: userdata
local Endpoint = {}

---@return table|userdata component
function Endpoint:getComponent() end

---Another one, with the same limits. Raises as core.endpoint does.
---@param component table|userdata
---@return ratchet.Endpoint
function Endpoint:with(component) end

---@class ratchet.Ticket: userdata
---One wait of one handler.

---@class ratchet.core
---@field version string the version of the program: three numbers with dots between
---@field options ratchet.core.Options what the command line said
---@field noFollow integer O_NOFOLLOW of open(2), which luv does not tell
---@field handed ratchet.core.Handed[] the listening sockets that whoever started the
---  program handed over with it (sd_listen_fds(3)); for listen to take one by its fd
---@field testbed ratchet.core.Testbed what ratchet.testing stands on
---@field users ratchet.Users which connections are whose
---@field connectionMethods table<string, function> the methods of all connections; what
---  is put there takes effect with the next call
---@field topicMethods table<string, function> those of all topics
local core = {}

---@class ratchet.core.Options
---@field host string? --host
---@field port integer? --port, 0 to 65535
---@field control string? the path of the socket that commands are heard on
---@field watch boolean --watch
---@field devTls boolean --dev-tls
---@field development boolean --development: refusals explain themselves in their bodies

---@class ratchet.core.Handed
---@field fd integer
---@field name string as LISTEN_FDNAMES says, or ""
---@field address string? where it is bound, with
---@field port integer?
---@field path string? or the file of a unix socket

---@class ratchet.core.Limits
---@field maxMessageSize integer? bytes of one message, 1 MiB when not given, 1 GiB at
---  most; over it the connection is closed with 1009, as soon as a frame's header says
---  so (RFC 6455 7.4.1)
---@field maxBufferedAmount integer? bytes that may be queued already when send is
---  called, 1 MiB when not given
---@field overflow "close"|"drop"|nil above maxBufferedAmount: close with 1013 (a raw
---  connection is lost, 1006), which is the default, or leave the message out
---@field keepAlive number? seconds without a byte from the peer, or up to a tenth less,
---  before it is pinged (RFC 6455 5.5.2), 30 when not given, 0 for never; without a byte
---  in as long again the connection is lost, 1006. One that the app has paused is pinged,
---  and not lost for its silence
---@field closeTimeout number? seconds for the peer to answer a close frame
---  (RFC 6455 7.1.1), 5 when not given; then TCP is dropped, 1006
---@field maxQueuedMessages integer? events that queue behind a handler that waits, 64 when
---  not given; with more of them the peer is not read until half of them are handled
---@field maxQueuedAmount integer? bytes of them, 256 KiB when not given
---@field deflate boolean|ratchet.core.Deflate|nil agree on permessage-deflate (RFC 7692)
---  with clients that offer it, or offer it to a server; false when not given.
---  maxMessageSize then counts inflated bytes; what cannot be inflated is closed with 1007

---@class ratchet.core.Deflate
---@field level integer? 1 (fast) to 9 (small), zlib's; 1 when not given
---@field threshold integer? bytes; shorter messages go as they are; 128 when not given
---@field serverContext "shared"|"dedicated"|nil "shared", which it is when not given:
---  messages refer to themselves only (server_no_context_takeover), one compressor serves
---  all connections, and a message that many get is compressed once; "dedicated": a
---  compressor for each connection, freed after a minute without a message
---@field clientContext "shared"|"dedicated"|nil "shared", which it is when not given: the
---  client is told to do so (client_no_context_takeover); "dedicated": it may refer to its
---  messages before, which costs a window of 2^windowBits bytes and 7 KiB a connection
---@field windowBits integer? 9 to 15, the window that compressors use
---  (server_max_window_bits); 15 when not given
---@field memLevel integer? 1 to 9, zlib's; 8 when not given

---A component with its limits, for listen and for what `handle` returns. Its events
---are looked up when they happen. Raises when the component is neither a table nor
---a userdata, or a limit is none.
---@param component table|userdata
---@param options ratchet.core.Limits?
---@return ratchet.Endpoint
function core.endpoint(component, options) end

---@class ratchet.core.Listener
---@field address string? an IP address; "0.0.0.0" and "::" are all of this machine;
---  "127.0.0.1" when not given
---@field port integer? 0, which it is when not given, for any free one
---@field reusePort boolean? other processes that say so may listen there, too
---  (SO_REUSEPORT, socket(7)), of the same user; false when not given
---@field ipv6Only boolean? "::" otherwise takes IPv4 too; EINVAL when the address is not
---  of IPv6
---@field path string? in place of both: a unix socket, whose file is removed at the end.
---  One that a dead server left is replaced; EEXIST when another file is there
---@field mode integer? the permissions of that file; what the umask leaves, when not given
---@field fd integer? in place of all these: a socket that is bound already. EEXIST when it
---  is listened on already
---@field endpoint ratchet.Endpoint? raw TCP: bytes go to its component as they come
---@field handle nil|fun(request: ratchet.http.Request): any, any, any HTTP: called in a
---  coroutine for each request; returns one of
---    endpoint [, protocol [, headers]]   101 (RFC 6455 4.2.2), and the connection is
---                                        the component's
---    status [, body [, headers]]         that answer
---    status, next, headers, over         that answer, whose body comes piece by piece
---    "raw", endpoint                     no answer: the component gets
---                                        onOpen(conn, request), then raw bytes
---  Headers are a table from name to a string or a list of strings; one with a line
---  break in it is refused. An error in it is logged and answered with 500.
---  next() returns the next piece, a string, and nil at the end; it runs in a coroutine
---  and may wait. It is called when under 16 KiB of those before still wait to be sent,
---  and not at all where an answer has no body (RFC 9110 6.4.1). They go out in chunks
---  (RFC 9112 7.1), or to HTTP/1.0 up to the end of the connection, unless headers have
---  Content-Length; then they must add up to that. An error ends the connection, so that
---  the client sees that something is missing. over(), which may be nil, is called once
---  when no more is wanted, after the last piece or without it; it must not wait.
---@field headerTimeout number? seconds for a whole head, 10 when not given; then 408
---@field maxHeaderSize integer? bytes of a head, 16 KiB when not given, 256 at least; then
---  431, or 414 when the request line alone is larger
---@field maxBodySize integer? bytes of a request's body, 1 MiB when not given; then 413
---@field trustedProxies string[]? addresses ("127.0.0.1"), networks ("fd00::/8") or "unix"
---  (peers of a local socket) whose X-Forwarded-For, X-Forwarded-Proto and Forwarded
---  (RFC 7239) are believed; nobody's when not given
---@field proxyProtocol boolean? each connection begins with a PROXY header, version 1 or 2,
---  which must come within headerTimeout, and from a trusted proxy if there are any; else
---  the connection is closed. False when not given
---@field maxConnections integer? of the whole server; the lowest of all listeners' holds;
---  what the file limit allows when not given; then 503
---@field maxConnectionsPerAddress integer? of one IPv4 address or IPv6 /64, by the socket;
---  trusted proxies and listeners with proxyProtocol are not limited; 0, which it is when
---  not given, for no limit; then 429

---@field tls ratchet.core.ListenerTls|false|nil the connections speak TLS

---@class ratchet.core.ListenerTls: ratchet.core.KeyPair
---@field profile "intermediate"|"modern"|nil after Mozilla's tables: TLS 1.2 and, where
---  the mbedTLS has it, 1.3, which is the default; or 1.3 alone
---@field minVersion "1.2"|"1.3"|nil
---@field sni ratchet.core.KeyPair[]? more certificates: a client that asks for a name
---  (RFC 6066 3) gets the one that has it, or the first
---@field clientCa string? a file of certificates: clients are asked for one that these
---  signed (RFC 8446 4.3.2); any other ends the handshake
---@field requireClientCert boolean? and who has none ends it too
---@field selfSigned boolean? in place of all these: a certificate for localhost, made
---  anew at each start

---@class ratchet.core.KeyPair
---@field cert string a file in PEM: the certificate, and behind it the chain to its issuer
---@field key string? a file in PEM, EC or RSA; the certificate's own when not given
---@field passphrase string? of the key

---Listens. Raises when the table makes no sense.
---@param listener ratchet.core.Listener
---@return { address: string?, port: integer?, path: string?, id: integer }? bound the port
---  is the real one; a unix socket has only a path; the id is for serve and unlisten
---@return string? message such as "address already in use"
---@return string? code such as "EADDRINUSE", or "TLS" when that cannot be had; the message
---  then names the file
function core.listen(listener) end

---Serves what connects to a listener from now on as `listener` says, which has what listen
---takes, without an address. Without an id it is only looked at. Raises when the table
---makes no sense.
---@param id integer?
---@param listener ratchet.core.Listener
---@return boolean? is_good nil when a file of its TLS cannot be used; then nothing changes
---@return string? message
---@return string? code "TLS"
function core.serve(id, listener) end

---Closes a listener; its connections go on.
---@param id integer
function core.unlisten(id) end

---All connections of clients that are open and that components have.
---@return ratchet.Connection[]
function core.connections() end

---Is the server going away? Nobody is accepted any more then.
---@return boolean
function core.isStopping() end

---Runs a function as one that must not be stopped half-way: the watchdog only names it.
---@param fn fun(): any ...
---@return any ... what it returns; what it raises is raised
function core.unwatched(fn) end

---Runs a function of the app inside `unwatched`: in a coroutine of its own, in which
---nothing can wait, and which the watchdog stops when it does not end.
---@param fn fun()
---@return boolean is_good
---@return any message what it failed with
---@return string? traceback
function core.isolate(fn) end

---A short hash: the first eight hexadecimal digits of the text's SHA-1.
---@param text string
---@return string
function core.digest(text) end

---Says which version of the app's code runs from now on: what the log shows.
---@param version string eight hexadecimal digits
function core.setVersion(version) end

---Says that an endpoint's component was left as that version had it, whatever the
---app's version is.
---@param endpoint ratchet.Endpoint
---@param version string
function core.freeze(endpoint, version) end

---What waits in code of another version than its next event will run.
---@return integer[] ids of connections
---@return integer tasks how many functions that were spawned, or called by a timer
function core.outdated() end

---Says that a handle of luv is the library's: uv.walk does not come to it.
---@param handle userdata
---@return userdata handle
function core.ownHandle(handle) end

---@class ratchet.core.Connect
---@field host string a name, or an IP address without brackets
---@field port integer
---@field path string? in place of both: a unix socket
---@field secure boolean? over TLS, with
---@field ca string? a file of certificates in PEM to trust, in place of the system's
---@field serverName string? whose certificate it must be; the host's when not given
---@field insecure boolean? true: nothing is verified
---@field target string path and query, as they go into the request line
---@field authority string the Host header
---@field protocols string? the sub-protocols that are offered, with commas
---@field headers string[]? name, value, name, value, ...: more lines of the request.
---  Those that make the handshake are the core's own
---@field endpoint ratchet.Endpoint whose the connection will be
---@field connectTimeout number? seconds for name, TCP and TLS, 10 when not given
---@field handshakeTimeout number? seconds for the answer, 10 when not given

---An attempt to connect. When it is collected it is cancelled.
---@class ratchet.Attempt: userdata
local Attempt = {}

---Ends it, when it is not over; nobody is woken.
function Attempt:cancel() end

---Begins to connect, as a WebSocket client (RFC 6455 4.1). When it is open its component
---gets onOpen(conn), without a request. When there will be no connection the ticket is
---woken with nil, the reason, and, when the server answered something else than 101,
---that answer. Raises when the table makes no sense.
---@param ticket ratchet.Ticket
---@param options ratchet.core.Connect
---@return ratchet.Attempt? attempt nil when the server is about to end
---@return string? reason
function core.connect(ticket, options) end

---Sets the metatable of the tables of answers that are made from now on. Raises when
---it is no table.
---@param metatable table
function core.answerMetatable(metatable) end

---A number that nobody can foresee.
---@return number number 0 or more, less than 1
function core.random() end

---Sets the metatable of the request tables that are made from now on. Raises when
---it is no table.
---@param metatable table
function core.requestMetatable(metatable) end

---HMAC-SHA256 (RFC 2104): proof that who made the message knows the key.
---@param key string
---@param message string
---@return string mac 32 bytes
function core.hmacSha256(key, message) end

---Bytes that nobody can foresee. Raises when the system has none to give.
---@param count integer 1 to 1024
---@return string
function core.randomBytes(count) end

---SHA-256 (RFC 6234).
---@param data string
---@return string digest 32 bytes
function core.sha256(data) end

---Are they the same? What is different is not told by the time it takes; lengths are.
---@param a string
---@param b string
---@return boolean
function core.constantTimeEquals(a, b) end

---Signs (RFC 7518 3.3, 3.4). Takes a millisecond or more, in which nothing else runs.
---@param algorithm "RS256"|"ES256"
---@param privateKey string PEM: RSA of 2048 bits or more, or on the curve P-256
---@param data string
---@return string? signature of ES256: r and s, 64 bytes
---@return string? message
function core.sign(algorithm, privateKey, data) end

---Is the signature right?
---@param algorithm "RS256"|"ES256"
---@param publicKey string PEM ("BEGIN PUBLIC KEY")
---@param data string
---@param signature string
---@return boolean? isRight nil when the key is none for this algorithm
---@return string? message
function core.verify(algorithm, publicKey, data, signature) end

---flock(2), without waiting. The lock is held until the descriptor is closed.
---@param fd integer
---@param kind "shared"|"exclusive"
---@return boolean? locked false when somebody else has it
---@return string? message
function core.lockFile(fd, kind) end

---The topic of that name, made when there is none.
---@param name string
---@return ratchet.Topic
function core.topic(name) end

---Writes one line to the log. Raises at an unknown level.
---@param level "debug"|"info"|"warn"|"error"
---@param message string
function core.log(level, message) end

---Adds a URL to those that are printed when the server starts.
---@param url string
function core.announce(url) end

---Ends a command (`ratchet-lua NAME`) at the end of this turn of the loop. Raises in an
---app.
---@param status integer the exit status, 0 to 255
function core.finish(status) end

---While a testbed is open, what listens on a port and who connects to that port are in a
---network of its own, whatever the name of the host, and the clock stands still. The
---task that has opened it is the test. When nothing moves any more and the test waits, for
---whatever it is, the clock goes to the next alarm.
---@class ratchet.core.Testbed
local Testbed = {}

---Opens it. Raises when one is open, or when it is not a task that calls.
---@param isLive boolean? the network is the kernel's, on 127.0.0.1
function Testbed.open(isLive) end

---Waits until nothing moves any more, and lets no time pass. Raises where it is not the
---test that calls.
function Testbed.settle() end

---Says goodbye (1001) to everybody, as SIGTERM does, and waits until they are gone, or the
---time for that is over. Nobody listens any more. Raises as settle does.
function Testbed.drain() end

---Ends every listener, connection, timer and task but the test itself, and what was begun
---by luv, without telling who waits. Raises as settle does.
---@return boolean isDone false while connections are on their way out: settle, and sweep
---  again
function Testbed.sweep() end

---Closes it, and the clock goes on from where it stands. Raises before a sweep has
---returned true.
function Testbed.close() end

---Makes the network of a connection that goes out in the testbed bad.
---@param conn ratchet.Connection
---@param impairment { rate: integer?, pieces: integer[]? } bytes a second each way, 0 or
---  nil for no limit; the sizes of the pieces in which what is sent arrives, over and over
---@return boolean done false for a connection that is gone, or is in no testbed
function Testbed.impair(conn, impairment) end

---Seconds on a clock that never goes back; only differences mean something.
---@return number
function core.now() end

---@class ratchet.core.CallTarget
---@field path string? a unix socket; or
---@field host string? a name or an IP address without brackets
---@field port integer?
---@field secure boolean? over TLS, with
---@field ca string? a file of certificates in PEM to trust, in place of the system's
---@field serverName string? whose certificate it must be; the host's when not given
---@field insecure boolean? true: nothing is verified

---A connection to an HTTP server, which is begun. The ticket is woken with true, or with
---nil, message, code ("ECONNREFUSED", "EAI_NONAME", "ETIMEDOUT",
---"ECONNABORTED" for TLS). A collected one is
---closed, so who waits keeps it.
---@param target ratchet.core.CallTarget
---@param ticket ratchet.Ticket
---@param timeout number seconds, the lookup of the name included
---@return ratchet.Caller
function core.caller(target, ticket, timeout) end

---Raises where nothing can wait: outside of a handler, while the app file is loaded, in
---a coroutine of the app's own, in what a C function calls, in a task that was
---cancelled.
function core.checkWait() end

---A ticket for one wait. This, wait and wake are what ratchet's own functions that
---wait are built on; apps have ratchet.await.
---@return ratchet.Ticket
function core.ticket() end

---Suspends the handler that calls it until wake is called with the ticket. Raises
---where nothing can wait, when the ticket is in use, when nobody has it any more, and
---"cancelled" in a task that is cancelled meanwhile.
---@param ticket ratchet.Ticket
---@param seconds number? how long at most
---@return any ... what wake was given; nil, "timeout" when it took too long
function core.wait(ticket, seconds) end

---Suspends the handler for a time. Raises as wait does.
---@param seconds number 0 or more, to the millisecond
function core.sleep(seconds) end

---Runs fn(...) in a coroutine that may wait, from the end of this turn of the loop on.
---An error in it is logged.
---@param fn function
---@param ... any
---@return ratchet.Task
function core.spawn(fn, ...) end

---Calls fn(...) once, in a coroutine that may wait. Raises when an argument is wrong.
---@param seconds number 0 or more, to the millisecond
---@param fn function
---@param ... any
---@return ratchet.Timer
function core.after(seconds, fn, ...) end

---The same, again and again until it is cancelled; without the calls that would come
---while an earlier one still waits.
---@param seconds number 0, which is a millisecond, or more
---@param fn function
---@param ... any
---@return ratchet.Timer
function core.every(seconds, fn, ...) end

---All timers that are still referred to, running or not, as the keys of a weak table.
---@return table<ratchet.Timer, true>
function core.timers() end

---From here on the messages of a connection without handlers wait to be received.
---@param conn ratchet.Connection
function core.line(conn) end

---Lets the handler that waits for the ticket go on, at the end of this turn of the
---loop.
---@param ticket ratchet.Ticket
---@param ... any what wait returns
---@return boolean woken false when no handler waits for it, or no longer
function core.wake(ticket, ...) end

---@class ratchet.core.Redis
---@field host string? a name or an address, "127.0.0.1" when not given
---@field port integer? 6379 when not given
---@field path string? in place of both: the path of a unix socket
---@field maxReplySize number? bytes of one reply, 64 MiB when not given, 1 GiB at most
---@field ready fun() it is connected: commands are taken from now on
---@field reply fun(value: any, err: string?) the next reply: a string, a number, nil, or a
---  list, in which what is missing is false and an error { err = ... }; or an error
---@field lost fun(reason: string) it could not be connected, or is no more: nothing is told
---  after it

---One connection to a Redis server; it does not come back by itself. lua/ratchet/redis/line.lua
---makes more of it. Raises when the table makes no sense.
---@param link ratchet.core.Redis
---@return ratchet.RedisLink
function core.redis(link) end

---The bytes of a command (RESP2), for append.
---@param ... string|number whole numbers are written without a fraction
---@return string?
---@return string|integer? problem which argument is neither; or "out of memory"
function core.redisCommand(...) end

---@class ratchet.RedisLink: userdata
local RedisLink = {}

---Queues a command; what is queued in a turn of the loop goes out at its end.
---@param ... string|number
---@return true? queued
---@return string|integer? problem which argument is neither a string nor a number; or why not
function RedisLink:write(...) end

---Queues the bytes of commands.
---@param bytes string of redisCommand
---@return true? queued
---@return string? problem
function RedisLink:append(bytes) end

---Stops reading: neither replies nor the loss are told until resume.
function RedisLink:pause() end

---Goes on reading.
function RedisLink:resume() end

---Ends it; nothing is told any more.
function RedisLink:close() end
---Something that ratchet.spawn started.
---@class ratchet.Task: userdata
local Task = {}

---What the task waits for raises "cancelled" in it, and so does each further wait. One
---that has not begun never will.
---@return boolean cancelled false when it has ended or was cancelled already
function Task:cancel() end

---A function that is called at a time.
---@class ratchet.Timer
---@field fn function what is called; another one can be put in its place
local Timer = {}

---It is not called any more. One that runs, or waits, is not ended.
---@return boolean cancelled false when it had ended already
function Timer:cancel() end
---@class ratchet.core.Watchdog
---@field slowHandler number? seconds for which a handler may hold the loop before it is
---  named in the log, 0.1 at first; 0: none is
---@field handlerBudget number? seconds after which it is stopped with an error, 5 at
---  first; 0: none is

---Sets what holds for all handlers, once the app file has been loaded; what is not
---given stays as it is. Raises when a number is negative or over a day.
---@param limits ratchet.core.Watchdog
function core.watchdog(limits) end

---A connection. The same connection is always the same value. One that is gone can
---be kept and used without harm: its methods do nothing. Any field that is not here
---is the app's own: conn.name = "ada". Setting one that is here raises.
---@class ratchet.Connection: userdata
---@field resourceId integer unique in the process, never used again
---@field remoteAddress string? the client's address, what a trusted proxy says it is;
---  nil once the connection is gone
---@field remotePort integer? 0 when a proxy does not tell it; nil once the connection is
---  gone
---@field peerAddress string? the socket's address, which may be a proxy's; "" on a unix
---  socket; nil once the connection is gone
---@field httpRequest ratchet.http.Request? what it began with, always the same value;
---  nil on a listener of raw TCP, and where we are the client
---@field httpResponse ratchet.fetch.Answer? what the server answered to the handshake of
---  ratchet.connect, always the same value; nil where we are the server
---@field protocol string the sub-protocol that was agreed on (RFC 6455 1.9), "" for none
---@field extensions string what was agreed on (RFC 6455 9), as in the answer:
---  "permessage-deflate; server_no_context_takeover"; "" for none
---@field readyState integer 1 open, 2 closing, 3 closed
---@field bufferedAmount integer bytes that are queued and not yet taken by the system
---@field version string of the code that handles its events: of the handler that runs or
---  waits, or of the one that will be next; eight hexadecimal digits
---@field secure boolean does the client speak TLS, to this server or, as a trusted proxy
---  says, to that?
---@field [string] any
local Connection = {}

---Queues one message (RFC 6455 5.6); bytes as they are on a raw connection. After
---close it does nothing. Raises when text is not UTF-8 (RFC 6455 8.1), and when the
---message is no string.
---@param message string|number
---@param isBinary boolean? false when not given: text
---@param compress boolean? false: goes as it is, whatever was agreed on
---@return ratchet.Connection self
function Connection:send(message, isBinary, compress) end

---As send(message, true, compress).
---@param message string
---@param compress boolean?
---@return ratchet.Connection self
function Connection:sendBinary(message, compress) end

---Queues a ping (RFC 6455 5.5.2). Raises when the data is longer than 125 bytes.
---@param data string?
---@return ratchet.Connection self
function Connection:ping(data) end

---Queues a pong that nobody asked for (RFC 6455 5.5.3). Pings are answered without
---it. Raises when the data is longer than 125 bytes.
---@param data string?
---@return ratchet.Connection self
function Connection:pong(data) end

---Delivers what was sent before, then closes (RFC 6455 7.1.2); ends a raw connection.
---A second call does nothing. Raises at a code that must not be sent (RFC 6455 7.4;
---1000 to 1003, 1007 to 1014 and 3000 to 4999 may) and at a reason that is not UTF-8
---or longer than 123 bytes.
---@param code integer? 1000 when not given
---@param reason string?
---@return ratchet.Connection self
function Connection:close(code, reason) end

---Drops the connection at once; the peer and onClose see 1006 (RFC 6455 7.1.5), and
---what was queued is lost.
---@return ratchet.Connection self
function Connection:terminate() end

---The next message, waiting for it if need be. Only for the connection's own handlers
---(then it is not told to onMessage), for `run`, and for a connection without handlers.
---Raises elsewhere, where nothing can wait, and when somebody receives already.
---@param seconds number? how long to wait at most
---@return string? message nil when there is none
---@return boolean|"timeout"|"closed" isBinary or why there is no message
---@return integer? code with "closed": as onClose gets it; nil when onClose was
---  told of it
---@return string? reason
function Connection:receive(seconds) end

---Receives one message after the other until the connection closes:
---for message, isBinary in conn:messages() do ... end
---@return fun(conn: ratchet.Connection): string?, boolean?
---@return ratchet.Connection
function Connection:messages() end

---Calls fn(conn, ...) once, as an event of this connection: in order with the others,
---and not any more when it has closed. Raises when an argument is wrong.
---@param seconds number 0 or more, to the millisecond
---@param fn function
---@param ... any
---@return ratchet.Timer
function Connection:after(seconds, fn, ...) end

---The same, again and again; without the calls that would come while an earlier one has
---not ended.
---@param seconds number 0, which is a millisecond, or more
---@param fn function
---@param ... any
---@return ratchet.Timer
function Connection:every(seconds, fn, ...) end

---Says whose connection this is, as long as it is open: app:users() knows it from then
---on, and conn.userId is the id. Another id takes the place of the first, nil ends it.
---Raises when the id is none.
---@param id string|number|nil not ""; 7 and "7" are the same
---@return ratchet.Connection self
function Connection:identify(id) end

---Stops reading: no messages come until resume, and the peer's close is not noticed.
---@return ratchet.Connection self
function Connection:pause() end

---Goes on reading.
---@return ratchet.Connection self
function Connection:resume() end

---A connection to an HTTP server: one request, its answer, then maybe the next.
---@class ratchet.Caller: userdata
local Caller = {}

---@class ratchet.core.Answer
---@field status integer
---@field reason string what stands behind the status; may be ""
---@field version "1.0"|"1.1"
---@field rawHeaders string[] name, value, name, value, ... as they were sent; 100 lines,
---  16 KiB with the status line
---@field body string whole; "" to HEAD, with 204 and with 304

---Sends a whole request. The ticket is woken with a ratchet.core.Answer, or with nil,
---message, code, isUntouched: not a byte of an answer had come. The codes are
---"ECONNRESET" (lost), "ETIMEDOUT", "EPROTO" (malformed), "EMSGSIZE" (the body is over
---maxBodySize), "ENOMEM". After any failure it is closed. Raises when it is being asked.
---@param ticket ratchet.Ticket
---@param request string its bytes
---@param timeout number seconds, until the answer is whole
---@param maxBodySize integer bytes
---@param isHead boolean is its method HEAD? Then the answer has no body
---@return true? sent
---@return string? message nothing of it went out, and the ticket is not woken
---@return string? code
function Caller:ask(ticket, request, timeout, maxBodySize, isHead) end

---Lets it end by itself when it is not asked for so long.
---@param seconds number
function Caller:rest(seconds) end

---Ends it; a ticket that it has is not woken any more.
function Caller:close() end

---Is it connected? After an answer: may it be asked again?
---@return boolean
function Caller:isOpen() end

---A named set of connections. A connection that closes leaves all its topics, before
---onClose.
---@class ratchet.Topic: userdata
---@field name string
---@field onJoin nil|fun(self: ratchet.Topic, conn: ratchet.Connection, meta: any) a
---  connection has been added; called inside of `add`
---@field onLeave nil|fun(self: ratchet.Topic, conn: ratchet.Connection, meta: any) a
---  connection is no member any more; called inside of `remove`, or, when it has closed,
---  before its onClose. It may wait there; an error there is logged
local Topic = {}

---Adds a connection. When it is closed nothing happens; when it is in already, only what
---it was added with is replaced.
---@param conn ratchet.Connection
---@param meta any what the topic is to keep with it
---@return ratchet.Topic self
function Topic:add(conn, meta) end

---Takes a connection out; does nothing when it is not in.
---@param conn ratchet.Connection
---@return ratchet.Topic self
function Topic:remove(conn) end

---What a member was added with, or true when that was nothing; nil for who is no member.
---@param conn ratchet.Connection
---@return any
function Topic:get(conn) end

---The members of this moment, each with what `get` says of it.
---@return table<ratchet.Connection, any>
function Topic:members() end

---@param conn ratchet.Connection
---@return boolean
function Topic:has(conn) end

---@return integer
function Topic:count() end

---@class ratchet.BroadcastOptions
---@field exclude ratchet.Connection? who does not get it
---@field binary boolean? false when not given: text

---Sends one message to all. Raises as send does.
---@param message string
---@param options ratchet.BroadcastOptions?
---@return integer count how many it was queued for
function Topic:broadcast(message, options) end

---Who is here, by the ids of conn:identify.
---@class ratchet.Users
---@field onOnline nil|fun(self: ratchet.Users, id: string) the first connection of a user;
---  called inside of `identify`
---@field onOffline nil|fun(self: ratchet.Users, id: string) the last one has gone; called
---  as onLeave of a topic is
local Users = {}

---Sends to all connections of a user. Raises as send does.
---@param id string|number
---@param message string
---@param options ratchet.BroadcastOptions?
---@return integer count how many it was queued for; 0 when the user is not here
function Users:toUser(id, message, options) end

---@param id string|number
---@return integer connections that the user has
function Users:count(id) end

---@param id string|number
---@return table<ratchet.Connection, any>
function Users:connections(id) end

---@return string[] ids of those who are here, sorted
function Users:online() end

---@class ratchet.core.Tls
---@field version string "TLSv1.2" or "TLSv1.3"
---@field cipher string IANA's name, such as "TLS_AES_128_GCM_SHA256"
---@field serverName string? what the client asked for (RFC 6066 3)
---@field client string? the subject of its certificate, such as "CN=ada, O=Example"; nil
---  when it showed none

---What C puts in the table of a request; lua/ratchet/http/request.lua adds the rest.
---@class ratchet.core.Request
---@field method string in capitals (RFC 9110 9)
---@field target string as it was sent (RFC 9112 3.2)
---@field version "1.0"|"1.1"
---@field rawHeaders string[] name, value, name, value, ... as they were sent
---@field body string the content, whole; "" without one (RFC 9110 6.4)
---@field remoteAddress string the client's, what a trusted proxy says it is
---@field remotePort integer 0 when a proxy does not tell it
---@field peerAddress string the socket's, which may be a proxy's; "" on a unix socket
---@field secure boolean did the client speak TLS, to this server or, as a trusted proxy
---  says, to that?
---@field tls ratchet.core.Tls? when it did so to this server
---@field upgradeStatus integer? 400, 405 or 426 when it is no good handshake
---  (RFC 6455 4.2.1); nil when it is
---@field upgradeReason string? what is wrong with it, one sentence
---@field upgradeLesson string? which rule was broken, and what cures it, for the log

return core
