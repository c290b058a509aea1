// Changing code while people talk: what an edit does to those who are connected.
// One client is there before the edit and stays; another comes after it.
'use strict';

const assert = require('assert');
const { once } = require('events');
const fs = require('fs');
const https = require('https');
const net = require('net');
const path = require('path');
const { WebSocketServer } = require('ws');
const { launch } = require('./support/browser');
const { apps } = require('./support/paths');
const { RawClient } = require('./support/raw');
const { Server } = require('./support/server');
const { redisServer } = require('./support/redis');
const { test } = require('./support/runner');
const { appText, serveEdited, talk } = require('./support/reloading');
const { Stopwatch, poll, sleep, slow } = require('./support/wait');

// A component that answers by what `reply` returns.
const replying = (body, reply) =>
  appText(`${body}\nlocal C = {}\nfunction C:onMessage(conn, m) conn:send(tostring(${reply})) end`);

const inModule = (body, reply) => ({
  'app.lua': appText(`local C = require "c"`),
  'c.lua': `${body}\nlocal C = {}\nfunction C:onMessage(conn, m) conn:send(tostring(${reply})) end\nreturn C\n`,
});

// name, files before, what is said then, the edit, what is said after it by the one
// who stayed, and what the report says. `fails`: the reload does, and everything goes
// on as before; `fresh`: said by one who comes after it.
const rows = [
  { name: 'a function of an inline component',
    before: { 'app.lua': replying('', '"old " .. m') }, said: [['a', 'old a']],
    edit: { 'app.lua': replying('', '"new " .. m') }, then: [['b', 'new b']],
    report: /functions replaced: C:onMessage \(app\.lua:\d+\)/ },
  { name: 'a component in a module',
    before: inModule('', '"old"'), said: [['a', 'old']],
    edit: inModule('', '"new"'), then: [['b', 'new']], report: /files: .*c\.lua/ },
  { name: 'fields of a component keep what they hold',
    before: { 'app.lua': appText('local C = { seen = {} }\nfunction C:onMessage(conn, m) self.seen[#self.seen + 1] = m conn:send(table.concat(self.seen, ",")) end') },
    said: [['a', 'a'], ['b', 'a,b']],
    edit: { 'app.lua': appText('local C = { seen = {} }\nfunction C:onMessage(conn, m) self.seen[#self.seen + 1] = m conn:send(table.concat(self.seen, ";")) end') },
    then: [['c', 'a;b;c']] },
  { name: 'a new field of a component appears',
    before: { 'app.lua': appText('local C = {}\nfunction C:onMessage(conn) conn:send(tostring(self.word)) end') },
    said: [['', 'nil']],
    edit: { 'app.lua': appText('local C = { word = "there" }\nfunction C:onMessage(conn) conn:send(tostring(self.word)) end') },
    then: [['', 'there']] },
  { name: 'a constant field takes its new value',
    before: { 'app.lua': appText('local C = { word = "one" }\nfunction C:onMessage(conn) conn:send(self.word) end') },
    said: [['', 'one']],
    edit: { 'app.lua': appText('local C = { word = "two" }\nfunction C:onMessage(conn) conn:send(self.word) end') },
    then: [['', 'two']], report: /constants changed: word/ },
  { name: 'a field that the app has changed keeps its value',
    before: { 'app.lua': appText('local C = { word = "one" }\nfunction C:onMessage(conn, m) if m ~= "" then self.word = m end conn:send(self.word) end') },
    said: [['mine', 'mine']],
    edit: { 'app.lua': appText('local C = { word = "two" }\nfunction C:onMessage(conn, m) if m ~= "" then self.word = m end conn:send(self.word .. "!") end') },
    then: [['', 'mine!']] },
  { name: 'a field that the code has no more is gone',
    before: { 'app.lua': appText('local C = { word = "one" }\nfunction C:onMessage(conn) conn:send(tostring(self.word)) end') },
    said: [['', 'one']],
    edit: { 'app.lua': appText('local C = {}\nfunction C:onMessage(conn) conn:send(tostring(self.word)) end') },
    then: [['', 'nil']] },
  { name: 'a table that holds something stays though the code has it no more',
    before: { 'app.lua': appText('local C = { seen = {} }\nfunction C:onMessage(conn, m) self.seen.x = m conn:send(m) end') },
    said: [['kept', 'kept']],
    edit: { 'app.lua': appText('local C = {}\nfunction C:onMessage(conn) conn:send(self.seen.x) end') },
    then: [['', 'kept']] },
  { name: 'a local table of a file',
    before: { 'app.lua': replying('local seen = {}', '(function() seen[#seen + 1] = m return #seen end)()') },
    said: [['', '1'], ['', '2']],
    edit: { 'app.lua': replying('local seen = {}', '(function() seen[#seen + 1] = m return "n" .. #seen end)()') },
    then: [['', 'n3']], report: /locals kept: seen \(app\.lua:2\)/ },
  { name: 'a local table of a module',
    before: inModule('local seen = {}', '(function() seen[#seen + 1] = m return #seen end)()'),
    said: [['', '1']],
    edit: inModule('local seen = {}', '(function() seen[#seen + 1] = m return "n" .. #seen end)()'),
    then: [['', 'n2']], report: /locals kept: seen \(c\.lua:1\)/ },
  { name: 'a local number that the app counts with',
    before: { 'app.lua': replying('local n = 0', '(function() n = n + 1 return n end)()') },
    said: [['', '1'], ['', '2']],
    edit: { 'app.lua': replying('local n = 0', '(function() n = n + 10 return n end)()') },
    then: [['', '12'], ['', '22']], report: /locals kept: n / },
  { name: 'a local constant takes its new value',
    before: { 'app.lua': replying('local N = 1', 'N') }, said: [['', '1']],
    edit: { 'app.lua': replying('local N = 2', 'N') }, then: [['', '2']],
    report: /constants changed: N/ },
  { name: 'a local that was counted with keeps its value whatever it begins with',
    before: { 'app.lua': replying('local n = 0', '(function() n = n + 1 return n end)()') },
    said: [['', '1']],
    edit: { 'app.lua': replying('local n = 100', '(function() n = n + 1 return n end)()') },
    then: [['', '2']] },
  { name: 'a local that only the new code assigns to',
    before: { 'app.lua': replying('local n = 5', 'n') }, said: [['', '5']],
    edit: { 'app.lua': replying('local n = 5', '(function() n = n + 1 return n end)()') },
    then: [['', '6'], ['', '7'], ['', '8']] },
  { name: 'a local that no code assigns to any more',
    before: { 'app.lua': replying('local n = 5', '(function() n = n + 1 return n end)()') },
    said: [['', '6']],
    edit: { 'app.lua': replying('local n = 5', 'n') }, then: [['', '6']] },
  { name: 'a local that several functions share',
    before: { 'app.lua': appText('local n = 0\nlocal function add() n = n + 1 end\nlocal function get() return n end\nlocal C = {}\nfunction C:onMessage(conn) add() conn:send(get() .. "") end') },
    said: [['', '1']],
    edit: { 'app.lua': appText('local n = 0\nlocal function add() n = n + 2 end\nlocal function get() return n end\nlocal C = {}\nfunction C:onMessage(conn) add() conn:send(get() .. "!") end') },
    then: [['', '3!'], ['', '5!']] },
  { name: 'a local function is the new one, and shares what it shared',
    before: { 'app.lua': replying('local n = 0\nlocal function add() n = n + 1 return "old" .. n end', 'add()') },
    said: [['', 'old1']],
    edit: { 'app.lua': replying('local n = 0\nlocal function add() n = n + 1 return "new" .. n end', 'add()') },
    then: [['', 'new2']], report: /functions replaced: add/ },
  { name: 'a function that is declared before it is there',
    before: { 'app.lua': replying('local f\nlocal n = 0\nfunction f() n = n + 1 return "old" .. n end', 'f()') },
    said: [['', 'old1']],
    edit: { 'app.lua': replying('local f\nlocal n = 0\nfunction f() n = n + 1 return "new" .. n end', 'f()') },
    then: [['', 'new2']] },
  { name: 'a function of another name shares what the one before had',
    before: { 'app.lua': replying('local n = 0\nlocal function add() n = n + 1 return n end', 'add()') },
    said: [['', '1']],
    edit: { 'app.lua': replying('local n = 0\nlocal function plus() n = n + 1 return "plus" .. n end', 'plus()') },
    then: [['', 'plus2']], report: /functions added: plus [^\n]*\nfunctions gone: add/ },
  { name: 'a function in a table of functions',
    before: { 'app.lua': replying('local commands = {}\nfunction commands.hi() return "old" end', 'commands[m] and commands[m]() or "?"') },
    said: [['hi', 'old'], ['ho', '?']],
    edit: { 'app.lua': replying('local commands = {}\nfunction commands.ho() return "new" end', 'commands[m] and commands[m]() or "?"') },
    then: [['hi', '?'], ['ho', 'new']] },
  { name: 'a function that the app has put into a table stays the same one, renewed',
    before: { 'app.lua': appText('local function shout() return "old" end\nlocal C = {}\nfunction C:onMessage(conn, m) if m == "set" then self.say = shout end conn:send(self.say and self.say() or "-") end') },
    said: [['', '-'], ['set', 'old']],
    edit: { 'app.lua': appText('local function shout() return "new" end\nlocal C = { say = nil }\nfunction C:onMessage(conn, m) if m == "set" then self.say = shout end conn:send(self.say and self.say() or "-") end') },
    then: [['set', 'new']] },
  { name: 'a class and its instances',
    before: { 'app.lua': appText('local Room = {}\nRoom.__index = Room\nfunction Room:name() return "old " .. self.id end\nlocal C = { rooms = {} }\nfunction C:onMessage(conn, m) self.rooms[m] = self.rooms[m] or setmetatable({ id = m }, Room) conn:send(self.rooms[m]:name()) end') },
    said: [['a', 'old a']],
    edit: { 'app.lua': appText('local Room = {}\nRoom.__index = Room\nfunction Room:name() return "new " .. self.id end\nlocal C = { rooms = {} }\nfunction C:onMessage(conn, m) self.rooms[m] = self.rooms[m] or setmetatable({ id = m .. m }, Room) conn:send(self.rooms[m]:name()) end') },
    then: [['a', 'new a'], ['b', 'new bb']] },
  { name: 'a class that inherits from one in a module',
    before: { 'app.lua': appText('local Base = require "base"\nlocal Child = setmetatable({}, { __index = Base })\nChild.__index = Child\nfunction Child:two() return "two" end\nlocal one = setmetatable({}, Child)\nlocal C = {}\nfunction C:onMessage(conn) conn:send(one:one() .. one:two()) end'),
      'base.lua': 'local Base = {}\nfunction Base:one() return "one" end\nreturn Base\n' },
    said: [['', 'onetwo']],
    edit: { 'base.lua': 'local Base = {}\nfunction Base:one() return "ONE" end\nreturn Base\n' },
    then: [['', 'ONEtwo']] },
  { name: 'a metatable that comes, and one that changes',
    before: { 'app.lua': appText('local data = { x = 1 }\nlocal other = setmetatable({}, { __index = function() return "old" end })\nlocal C = {}\nfunction C:onMessage(conn) conn:send(tostring(data.y) .. other.z) end') },
    said: [['', 'nilold']],
    edit: { 'app.lua': appText('local data = setmetatable({ x = 1 }, { __index = function() return "y" end })\nlocal other = setmetatable({}, { __index = function() return "new" end })\nlocal C = {}\nfunction C:onMessage(conn) conn:send(tostring(data.y) .. other.z) end') },
    then: [['', 'ynew']] },
  { name: 'a component that is an instance of a class',
    before: { 'app.lua': appText('local Class = {}\nClass.__index = Class\nfunction Class:onMessage(conn) self.n = self.n + 1 conn:send("old" .. self.n) end\nlocal C = setmetatable({ n = 0 }, Class)') },
    said: [['', 'old1']],
    edit: { 'app.lua': appText('local Class = {}\nClass.__index = Class\nfunction Class:onMessage(conn) self.n = self.n + 1 conn:send("new" .. self.n) end\nlocal C = setmetatable({ n = 0 }, Class)') },
    then: [['', 'new2']] },
  { name: 'a component without a name',
    before: { 'app.lua': appText('', '', 'app:route("/", { n = 0, onMessage = function(self, conn) self.n = self.n + 1 conn:send("old" .. self.n) end }, { "*" })') },
    said: [['', 'old1']],
    edit: { 'app.lua': appText('', '', 'app:route("/", { n = 0, onMessage = function(self, conn) self.n = self.n + 1 conn:send("new" .. self.n) end }, { "*" })') },
    then: [['', 'new2']] },
  { name: 'an event that comes',
    before: { 'app.lua': appText('local n = 0\nlocal C = {}\nfunction C:onMessage(conn) n = n + 1 conn:send(n .. "") end') },
    said: [['', '1']],
    edit: { 'app.lua': appText('local n = 0\nlocal C = {}\nfunction C:onOpen(conn) conn:send("open " .. n) end\nfunction C:onMessage(conn) n = n + 1 conn:send(n .. "") end') },
    then: [['', '2']], fresh: [[null, 'open 2']], report: /functions added: C:onOpen/ },
  { name: 'an event that goes',
    before: { 'app.lua': appText('local C = {}\nfunction C:onOpen(conn) conn:send("open") end\nfunction C:onMessage(conn) conn:send("m") end') },
    said: [[null, 'open']],
    edit: { 'app.lua': appText('local C = {}\nfunction C:onMessage(conn) conn:send("m2") end') },
    then: [['', 'm2']], fresh: [['', 'm2']], report: /functions gone: C:onOpen/ },
  { name: 'a global function and a global table',
    before: { 'app.lua': appText('seen = {}\nfunction say() return "old" end\nlocal C = {}\nfunction C:onMessage(conn, m) seen[#seen + 1] = m conn:send(say() .. #seen) end') },
    said: [['', 'old1']],
    edit: { 'app.lua': appText('seen = {}\nfunction say() return "new" end\nlocal C = {}\nfunction C:onMessage(conn, m) seen[#seen + 1] = m conn:send(say() .. #seen) end') },
    then: [['', 'new2']] },
  { name: 'a global that is gone',
    before: { 'app.lua': appText('function say() return "old" end\nlocal C = {}\nfunction C:onMessage(conn) conn:send(rawget(_G, "say") and say() or "gone") end') },
    said: [['', 'old']],
    edit: { 'app.lua': appText('local C = {}\nfunction C:onMessage(conn) conn:send(rawget(_G, "say") and say() or "gone") end') },
    then: [['', 'gone']] },
  { name: 'a list of constants that got shorter',
    before: { 'app.lua': replying('local words = { { "a" }, { "b" }, { "c" } }', '#words .. words[1][1]') },
    said: [['', '3a']],
    edit: { 'app.lua': replying('local words = { { "b" } }', '#words .. words[1][1]') },
    then: [['', '1b']] },
  { name: 'a module that comes',
    before: { 'app.lua': replying('', '"none"') }, said: [['', 'none']],
    edit: { 'app.lua': replying('local extra = require "extra"', 'extra()'), 'extra.lua': 'return function() return "extra" end\n' },
    then: [['', 'extra']], report: /\+ .*extra\.lua/ },
  { name: 'a module that is renamed',
    before: { 'app.lua': replying('local x = require "one"', 'x()'), 'one.lua': 'return function() return "one" end\n' },
    said: [['', 'one']],
    edit: { 'app.lua': replying('local x = require "two"', 'x()'), 'one.lua': null, 'two.lua': 'return function() return "two" end\n' },
    then: [['', 'two']], report: /\+ .*two\.lua, - .*one\.lua/ },
  { name: 'a module that is required in a handler',
    before: { 'app.lua': replying('', 'require("late").say()'), 'late.lua': 'local M = { n = 0 }\nlocal k = 0\nfunction M.say() k = k + 1 M.n = M.n + 1 return "old" .. M.n .. k end\nreturn M\n' },
    said: [['', 'old11']],
    edit: { 'late.lua': 'local M = { n = 0 }\nlocal k = 0\nfunction M.say() k = k + 1 M.n = M.n + 1 return "new" .. M.n .. k end\nreturn M\n' },
    then: [['', 'new22'], ['', 'new33']] },
  { name: 'a file that is run by dofile',
    before: { 'app.lua': replying('local folder = debug.getinfo(1, "S").source:match("^@(.*/)")\nlocal config = dofile(folder .. "config.lua")', 'config.word'), 'config.lua': 'return { word = "old" }\n' },
    said: [['', 'old']],
    edit: { 'config.lua': 'return { word = "new" }\n' }, then: [['', 'new']] },
  { name: 'modules that need each other in their functions',
    before: { 'app.lua': replying('local a = require "a"', 'a.say()'), 'a.lua': 'local M = {}\npackage.loaded.a = M\nlocal b = require "b"\nfunction M.say() return "a" .. b.say() end\nreturn M\n', 'b.lua': 'local a = require "a"\nreturn { say = function() return type(a.say) end }\n' },
    said: [['', 'afunction']],
    edit: { 'a.lua': 'local M = {}\npackage.loaded.a = M\nlocal b = require "b"\nfunction M.say() return "A" .. b.say() end\nreturn M\n' },
    then: [['', 'Afunction']] },
  { name: 'nothing at all',
    before: { 'app.lua': replying('local n = 0', '(function() n = n + 1 return n end)()') },
    said: [['', '1']], edit: {}, then: [['', '2']] },
  { name: 'a syntax error', fails: /app\.lua:3: .*'='[^]*3 \| local C = = \{\}/,
    before: { 'app.lua': replying('', '"old"') }, said: [['', 'old']],
    edit: { 'app.lua': replying('', '"new"').replace('C = {}', 'C = = {}') }, then: [['', 'old']] },
  { name: 'a syntax error in a module', fails: /c\.lua:2: [^]*2 \| local C = = \{\}/,
    before: inModule('', '"old"'), said: [['', 'old']],
    edit: { 'c.lua': '\nlocal C = = {}\n' }, then: [['', 'old']] },
  { name: 'an error at load', fails: /app\.lua:2: not today[^]*2 \| error\("not today"\)/,
    before: { 'app.lua': replying('local n = 0', '(function() n = n + 1 return n end)()') },
    said: [['', '1']],
    edit: { 'app.lua': replying('error("not today")\nlocal n = 0', '"new"') }, then: [['', '2']] },
  { name: 'an error at load after globals and modules were set', fails: /too late/,
    before: { 'app.lua': appText('word = "old"\nlocal x = require "x"\nlocal C = {}\nfunction C:onMessage(conn) conn:send(word .. x.y .. require("x").y .. tostring(other)) end'), 'x.lua': 'return { y = 1 }\n' },
    said: [['', 'old11nil']],
    edit: { 'app.lua': 'word, other = "new", 1\nrequire "x"\nstring.len(word)\nerror("too late")\n', 'x.lua': 'return { y = 2 }\n' },
    then: [['', 'old11nil']] },
  { name: 'a module that is not there', fails: /app\.lua:2: module 'none' not found/,
    before: { 'app.lua': replying('', '"old"') }, said: [['', 'old']],
    edit: { 'app.lua': replying('require "none"', '"new"') }, then: [['', 'old']] },
  { name: 'a module that was deleted', fails: /module 'c' not found/,
    before: inModule('', '"old"'), said: [['', 'old']], edit: { 'c.lua': null }, then: [['', 'old']] },
  { name: 'the app file is deleted', fails: /app\.lua: No such file/,
    before: { 'app.lua': replying('', '"old"') }, said: [['', 'old']],
    edit: { 'app.lua': null }, then: [['', 'old']] },
  { name: 'a cycle of requires', fails: /loop or previous error loading module 'c'/,
    before: inModule('', '"old"'), said: [['', 'old']],
    edit: { 'c.lua': 'require "d"\nreturn { onMessage = print }\n', 'd.lua': 'require "c"\n' },
    then: [['', 'old']] },
  { name: 'a component without an event', fails: /app:route: the component has no event; did you mean "onMessage" by "onMesage"/,
    before: { 'app.lua': replying('', '"old"') }, said: [['', 'old']],
    edit: { 'app.lua': replying('', '"new"').replace('onMessage', 'onMesage') }, then: [['', 'old']] },
  { name: 'routes that clash', fails: /GET \/ on host "localhost" has a route already/,
    before: { 'app.lua': replying('', '"old"') }, said: [['', 'old']],
    edit: { 'app.lua': appText('local C = { onMessage = print }', 'app:route("/", C)') },
    then: [['', 'old']] },
  { name: 'an app that does not listen', fails: /listens nowhere/,
    before: { 'app.lua': replying('', '"old"') }, said: [['', 'old']],
    edit: { 'app.lua': '-- nothing\n' }, then: [['', 'old']] },
  { name: 'an app file that waits', fails: /wait/,
    before: { 'app.lua': replying('', '"old"') }, said: [['', 'old']],
    edit: { 'app.lua': replying('ratchet.sleep(1)', '"new"') }, then: [['', 'old']] },
  { name: 'an app file that yields', fails: /cannot yield while it is loaded/,
    before: { 'app.lua': replying('', '"old"') }, said: [['', 'old']],
    edit: { 'app.lua': replying('coroutine.yield()', '"new"') }, then: [['', 'old']] },
  { name: 'bytecode', fails: /bytecode/,
    before: { 'app.lua': replying('', '"old"') }, said: [['', 'old']],
    edit: { 'app.lua': '\x1bLJ\x02' }, then: [['', 'old']] },
  { name: 'a thrown table', fails: /a table was raised/,
    before: { 'app.lua': replying('', '"old"') }, said: [['', 'old']],
    edit: { 'app.lua': 'error({})' }, then: [['', 'old']] },
  { name: 'onReload brings over what it holds',
    before: { 'app.lua': appText('local C = { people = { "ada" } }\nfunction C:onMessage(conn, m) self.people[#self.people + 1] = m conn:send(#self.people .. "") end') },
    said: [['bob', '2']],
    edit: { 'app.lua': appText('local C = { count = 0, word = "new" }\nfunction C:onReload(new) self.count, self.people = #self.people, nil self.was = new.word end\nfunction C:onMessage(conn) self.count = self.count + 1 conn:send(self.count .. self.was) end') },
    then: [['', '3new']] },
  { name: 'an error in onReload takes everything back', fails: /app\.lua:\d+: no way/,
    before: { 'app.lua': appText('local n = 0\nlocal C = { list = {} }\nfunction C:onMessage(conn) n = n + 1 self.list[n] = n conn:send("old" .. #self.list) end') },
    said: [['', 'old1']],
    edit: { 'app.lua': appText('local n = 100\nlocal C = { list = {}, extra = 1 }\nfunction C:onReload() error("no way") end\nfunction C:onMessage(conn) n = n + 1 conn:send("new") end', 'app:route("/more", C)') },
    then: [['', 'old2'], ['', 'old3']] },
  { name: 'ratchet.onReload is told the versions',
    before: { 'app.lua': appText('local told = {}\nratchet.onReload(function() told[1] = "old" end)\nlocal C = {}\nfunction C:onMessage(conn) conn:send(tostring(told[1])) end') },
    said: [['', 'nil']],
    edit: { 'app.lua': appText('local told = {}\nratchet.onReload(function(now, was) told[1] = (now ~= was and #now == 8 and #was == 8) and "told" or "?" end)\nlocal C = {}\nfunction C:onMessage(conn) conn:send(tostring(told[1])) end') },
    then: [['', 'told']] },
  { name: 'what a connection has of the app\'s',
    before: { 'app.lua': appText('local C = {}\nfunction C:onOpen(conn) conn.name = "ada" end\nfunction C:onMessage(conn) conn:send(conn.name) end') },
    said: [['', 'ada']],
    edit: { 'app.lua': appText('local C = {}\nfunction C:onOpen(conn) conn.name = "bob" end\nfunction C:onMessage(conn) conn:send(conn.name .. "!") end') },
    then: [['', 'ada!']], fresh: [['', 'bob!']] },
  { name: 'a topic and who is in it',
    before: { 'app.lua': appText('local room = ratchet.topic("room")\nlocal C = {}\nfunction C:onOpen(conn) room:add(conn) end\nfunction C:onMessage(conn, m) room:broadcast("old " .. m) end') },
    said: [['a', 'old a']],
    edit: { 'app.lua': appText('local room = ratchet.topic("room")\nlocal C = {}\nfunction C:onMessage(conn, m) room:broadcast("new " .. m .. room:count()) end') },
    then: [['b', 'new b1']] },
  { name: 'a proxy around the app\'s own layer',
    before: { 'app.lua': appText('local C = {}\nfunction C:onMessage(conn) conn:send("old") end\nlocal Layer = { n = 0 }\nfunction Layer:handle(request) self.n = self.n + 1 return self.next:handle(request) end', '', 'app:route("/", setmetatable({ next = ratchet.websocket.WsServer(C) }, { __index = Layer }), { "*" })') },
    said: [['', 'old']],
    edit: { 'app.lua': appText('local C = {}\nfunction C:onMessage(conn) conn:send("new") end\nlocal Layer = { n = 0 }\nfunction Layer:handle(request) self.n = self.n + 10 return self.next:handle(request) end', '', 'app:route("/", setmetatable({ next = ratchet.websocket.WsServer(C) }, { __index = Layer }), { "*" })') },
    then: [['', 'new']], fresh: [['', 'new']] },
];

for (const row of rows) {
  test(`edit: ${row.name}`, async (t) => {
    const edited = await serveEdited(t, row.before);
    const client = await edited.open();
    await talk(client, row.said);
    edited.edit(row.edit);
    const text = row.fails ? await edited.fail() : await edited.reload();
    if (row.fails) assert.match(text, row.fails);
    if (row.report) assert.match(text, row.report);
    await talk(client, row.then);
    if (row.fresh) await talk(await edited.open(), row.fresh);
  });
}

test('there are at least 40 edits', () => assert.ok(rows.length >= 40, String(rows.length)));

// ---- what waits, what runs by itself

const sleeping = (word) => appText(`local n = 0
local C = {}
function C:onMessage(conn, m)
  n = n + 1
  if m == "wait" then
    note("waits", conn.version)
    ratchet.await(function(resume) go = resume end)
    note("${word} woke", conn.version, n)
    ratchet.log("info", "woke in ${word}")
    n = n + 100
  end
  if m == "go" then go() end
  conn:send("${word}" .. n)
end`);

test('a handler that waits goes on in the old code, and its next event runs the new', async (t) => {
  const edited = await serveEdited(t, { 'app.lua': sleeping('old') });
  const waiting = await edited.open();
  await waiting.text('wait');
  const [, first] = await edited.server.note('waits');
  const other = await edited.open();
  await talk(other, [['', 'old2']]);
  await waiting.text('next');
  edited.edit({ 'app.lua': sleeping('new') });
  const report = await edited.reload();
  assert.match(report, /still in old code: connection 1$/m);
  const second = report.match(/-> ([0-9a-f]{8})/)[1];
  assert.notStrictEqual(first, second);
  await talk(other, [['go', 'new3']]);
  assert.deepStrictEqual(await edited.server.note('old woke'), ['old woke', first, 3]);
  await edited.server.logged(new RegExp(`woke in old \\[${first}\\]`));
  await waiting.expectText('old103');
  await waiting.expectText('new104');
  await talk(other, [['', 'new105']]);
  await waiting.text('wait');
  await edited.server.noted(['waits', second], 1);
  assert.doesNotMatch(await edited.reload(), /old code/);
  await talk(other, [['go', 'new107']]);
  await waiting.expectText('new207');
});

test('a task of a handler that waits, and one of the file', async (t) => {
  const text = (word) => appText(`local rounds = 0
ratchet.spawn(function()
  while true do
    rounds = rounds + 1
    note("loop ${word}")
    ratchet.sleep(0.02)
  end
end)
local C = {}
function C:onMessage(conn, m)
  ratchet.spawn(function() ratchet.await(function(resume) go = resume end) conn:send("${word} task") end)
  conn:send("${word}")
end`);
  const edited = await serveEdited(t, { 'app.lua': text('old') });
  const client = await edited.open();
  await talk(client, [['', 'old']]);
  await edited.server.noted(['loop old'], 2);
  edited.edit({ 'app.lua': text('new') });
  assert.match(await edited.reload(), /still in old code: 1 spawned/);
  await edited.server.noted(['loop new'], 1);
  const before = edited.server.notesLike('loop old').length;
  await edited.server.noted(['loop new'], 5);
  assert.ok(edited.server.notesLike('loop old').length <= before + 1, 'the old loop has ended');
});

const ticking = (word, period, more = '') => appText(`local beats = 0
local function tick() beats = beats + 1 note("${word}", beats) end
ratchet.every(${period}, tick)
${more}
local C = {}
function C:onMessage(conn) conn:send(beats .. "") end`);

test('a timer of the file keeps its beat and calls the new function', async (t) => {
  const edited = await serveEdited(t, { 'app.lua': ticking('old', 0.03) });
  await edited.server.noted(['old'], 2);
  edited.edit({ 'app.lua': `\n${ticking('new', 0.03)}` });
  assert.match(await edited.reload(), /timers: 1 kept/);
  const [first] = await edited.server.noted(['new'], 3);
  const last = edited.server.notesLike('old').length;
  assert.strictEqual(first[1], last + 1, 'it went on counting');
  edited.edit({ 'app.lua': ticking('third', 0.02) });
  assert.match(await edited.reload(), /timers: cancelled tick \(app\.lua:\d+\)/);
  await edited.server.noted(['third'], 3);
  edited.edit({ 'app.lua': ticking('fourth', 0.02).replace('ratchet.every', '--') });
  assert.match(await edited.reload(), /timers: cancelled tick/);
  const count = edited.server.notesLike('third').length;
  await sleep(80);
  assert.strictEqual(edited.server.notesLike('third').length, count);
});

test('what fires once has fired, however often the app is loaded anew', async (t) => {
  const text = (word) => appText(`ratchet.after(0.01, function() note("once ${word}") end)
local C = { onMessage = print }`);
  const edited = await serveEdited(t, { 'app.lua': text('old') });
  await edited.server.note('once old');
  edited.edit({ 'app.lua': text('new') });
  await edited.reload();
  await edited.reload();
  await sleep(60);
  assert.strictEqual(edited.server.notesLike('once new').length, 0);
});

test('timers of a connection: a named function is the new one, a closure stays', async (t) => {
  const text = (word) => appText(`local C = {}
local function tell(conn) conn:send("${word} named") end
function C:onOpen(conn)
  conn:every(0.03, tell)
  conn:after(0.4, function() conn:send("${word} closure") end)
end
function C:onMessage() end`);
  const edited = await serveEdited(t, { 'app.lua': text('old') });
  const client = await edited.open();
  await client.expectText('old named');
  edited.edit({ 'app.lua': text('new') });
  assert.match(await edited.reload(), /timers: 1 bound to new functions/);
  const heard = [];
  while (!heard.includes('old closure')) heard.push(String((await client.nextFrame()).payload));
  const firstNew = heard.indexOf('new named');
  assert.ok(firstNew >= 0, heard.join());
  assert.ok(!heard.slice(firstNew).includes('old named'), heard.join());
});

test('handles of luv that the file opened are opened anew, those of handlers stay', async (t) => {
  const text = (word) => appText(`local uv = require "luv"
local clients = {}
local timer = uv.new_timer()
timer:start(20, 20, function()
  for conn in pairs(clients) do conn:send("${word}") end
end)
local C = {}
function C:onOpen(conn)
  clients[conn] = true
  local own = uv.new_timer()
  own:start(300, 0, function() conn:send("own ${word}") own:close() end)
end
function C:onClose(conn) clients[conn] = nil end
function C:onMessage(conn) conn:send(tostring(timer:is_active())) end`);
  const edited = await serveEdited(t, { 'app.lua': text('old') });
  const client = await edited.open();
  await client.expectText('old');
  edited.edit({ 'app.lua': text('new') });
  await edited.reload();
  const heard = [];
  while (!heard.includes('own old')) heard.push(String((await client.nextFrame()).payload));
  assert.ok(!heard.slice(heard.indexOf('new')).includes('old'), heard.join());
  assert.ok(heard.indexOf('new') >= 0, heard.join());
  edited.edit({ 'app.lua': text('broken').replace('local C = {}', 'error("late")') });
  await edited.fail();
  await client.expectText('new');
  await client.expectText('new');
});

// ---- routes and addresses

test('a route that is gone keeps its connections, and refuses new ones', async (t) => {
  const text = (routes) => appText(`local C = {}
function C:onMessage(conn, m) conn:send(m .. conn.version) end`, '', routes);
  const first = 'app:route("/a", C, { "*" }) app:route("/b", { onMessage = function(_, conn) conn:send(conn.version) end }, { "*" })';
  const edited = await serveEdited(t, { 'app.lua': text(first) });
  const a = await edited.open('/a');
  const b = await edited.open('/b');
  await b.text('');
  const version = String((await b.nextFrame()).payload);
  edited.edit({ 'app.lua': text('app:route("/a", C, { "*" }) app:route("/c", C, { "*" })') });
  const report = await edited.reload();
  assert.match(report, /routes: \+ \/c, - \/b/);
  const now = report.match(/-> ([0-9a-f]{8})/)[1];
  await talk(b, [['', version]]);
  await talk(a, [['x', `x${now}`]]);
  await talk(await edited.open('/c'), [['y', `y${now}`]]);
  const refused = await t.raw(edited.server);
  await refused.send('GET /b HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.strictEqual((await refused.answer()).status, 404);
});

test('options hold for new connections; sub-protocols and pages change', async (t) => {
  const text = (protocol, size, page) => appText(`local C = {}
function C:getSubProtocols() return { "${protocol}" } end
function C:onMessage(conn, m) conn:send(#m .. conn.protocol) end`,
  `app:get("/page", function() return "${page}" end)`,
  `app:route("/", C, { "*" }, nil, { maxMessageSize = ${size} })`);
  const edited = await serveEdited(t, { 'app.lua': text('one', 10, 'first') });
  const before = await edited.open('/', ['Sec-WebSocket-Protocol: one']);
  edited.edit({ 'app.lua': text('two', 100, 'second') });
  await edited.reload();
  const after = await edited.open('/', ['Sec-WebSocket-Protocol: two']);
  await talk(before, [['abc', '3one']]);
  await talk(after, [['x'.repeat(100), '100two']]);
  await before.text('x'.repeat(11));
  await before.expectClose(1009);
  const page = await t.raw(edited.server);
  await page.send('GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.strictEqual((await page.answer()).body, 'second');
});

test('a route that a handler has added stays', async (t) => {
  const text = (word) => appText(`local app
local D = {}
function D:onMessage(conn) conn:send("${word} added") end
local C = {}
function C:onMessage(conn) C.app:route("/added", D, { "*" }) conn:send("${word}") end`,
  'C.app = app');
  const edited = await serveEdited(t, { 'app.lua': text('old') });
  const client = await edited.open();
  await talk(client, [['', 'old']]);
  await talk(await edited.open('/added'), [['', 'old added']]);
  for (const word of ['new', 'newer']) {
    edited.edit({ 'app.lua': text(word) });
    assert.match(await edited.reload(), /\/added \(added by a handler, kept\)/);
    await talk(await edited.open('/added'), [['', `${word} added`]]);
  }
});

test('addresses open and close; connections of a closed one stay', async (t) => {
  const where = t.temporary('x.sock');
  const text = (more) => appText(`local C = {}
function C:onMessage(conn, m) conn:send(m) end`, more);
  const edited = await serveEdited(t, { 'app.lua': text('') }, { descriptors: false });
  const first = await edited.open();
  edited.edit({ 'app.lua': text(`app:listen{ unix = "${where}" }`) });
  assert.match(await edited.reload(), /addresses: \+ unix:/);
  const second = new RawClient(where);
  t.atEnd(() => second.destroy());
  await second.connected();
  await second.handshake('/');
  await talk(second, [['a', 'a']]);
  edited.edit({ 'app.lua': text('') });
  assert.match(await edited.reload(), /addresses: - unix:/);
  await talk(second, [['b', 'b']]);
  await talk(first, [['c', 'c']]);
  assert.ok(!fs.existsSync(where), 'its file is gone');
});

test('an address that cannot be had fails the reload, and says why', async (t) => {
  const text = (more) => appText('local C = {}\nfunction C:onMessage(conn, m) conn:send(m) end', more);
  const edited = await serveEdited(t, { 'app.lua': text('') });
  const client = await edited.open();
  edited.edit({ 'app.lua': text('app:listen{ unix = "/nowhere/x.sock" }') });
  assert.match(await edited.fail(), /cannot listen on unix:\/nowhere\/x\.sock/);
  await talk(client, [['a', 'a']]);
  edited.edit({ 'app.lua': text('app:listen{ address = "0.0.0.0", port = PORT }'.replace('PORT', edited.server.port)) });
  assert.match(await edited.fail(), /this program listens on 127\.0\.0\.1:\d+, and that cannot change without a restart/);
  await talk(client, [['b', 'b']]);
});

test('options of a listener hold for new connections', async (t) => {
  const text = (size) => `local ratchet = require "ratchet"
local app = ratchet.App("localhost", 8080, nil, { maxBodySize = ${size} })
app:get("/", function() end)
app:post("/", function(request) return #request.body .. "" end)
app:run()\n`;
  const edited = await serveEdited(t, { 'app.lua': text(3) });
  const post = async () => {
    const client = await t.raw(edited.server);
    await client.send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde');
    return (await client.answer()).status;
  };
  assert.strictEqual(await post(), 413);
  edited.edit({ 'app.lua': text(5) });
  assert.match(await edited.reload(), /addresses: .*new options, for new connections/);
  assert.strictEqual(await post(), 200);
  edited.edit({ 'app.lua': text(5).replace('maxBodySize = 5', 'trustedProxies = { "nonsense" }') });
  assert.match(await edited.fail(), /trustedProxies: "nonsense" is neither/);
  assert.strictEqual(await post(), 200);
});

test('raw TCP: who is connected hears the new code', async (t) => {
  const text = (word) => `local ratchet = require "ratchet"
ratchet.server.IoServer.factory({ onMessage = function(_, conn, m) conn:send("${word} " .. m) end }, 8080, "127.0.0.1"):run()\n`;
  const edited = await serveEdited(t, { 'app.lua': text('old') });
  const client = await t.raw(edited.server);
  await client.send('a');
  assert.strictEqual(String(await client.bytes(5)), 'old a');
  edited.edit({ 'app.lua': text('new') });
  await edited.reload();
  await client.send('b');
  assert.strictEqual(String(await client.bytes(5)), 'new b');
});

// ---- who asks

const simple = (word) => replying('local n = 0', `(function() n = n + 1 return "${word}" .. n end)()`);

test('SIGHUP loads anew, and an error is only logged', async (t) => {
  const edited = await serveEdited(t, { 'app.lua': simple('old') });
  const client = await edited.open();
  edited.edit({ 'app.lua': simple('new') });
  edited.server.kill('SIGHUP');
  await edited.server.logged(/info reload [0-9a-f]{8} -> [0-9a-f]{8} in/);
  await talk(client, [['', 'new1']]);
  edited.edit({ 'app.lua': 'error("no")' });
  edited.server.kill('SIGHUP');
  await edited.server.logged(/error reload failed, [0-9a-f]{8} goes on: .*app\.lua:1: no/);
  await talk(client, [['', 'new2']]);
});

test('a handler asks for it, and goes on in its own code', async (t) => {
  const text = (word) => appText(`local function word() return "${word}" end
local C = {}
function C:onMessage(conn, m)
  if m == "reload" then ratchet.reload() end
  conn:send(word())
end`);
  const edited = await serveEdited(t, { 'app.lua': text('old') });
  const client = await edited.open();
  edited.edit({ 'app.lua': text('new') });
  await talk(client, [['reload', 'old'], ['', 'new']]);
});

test('limits of all handlers that are taken away are as usual again', async (t) => {
  const text = (options) => appText(`local C = {}
function C:onMessage(conn)
  local til = os.clock() + 0.4
  while os.clock() < til do end
  conn:send("done")
end`).replace('"localhost", 8080', options);
  const edited = await serveEdited(t, { 'app.lua': text('{ port = 8080, slowHandler = 60 }') });
  const client = await edited.open();
  await talk(client, [['', 'done']]);
  assert.doesNotMatch(edited.server.stderr, /slow handler/);
  edited.edit({ 'app.lua': text('{ port = 8080 }') });
  await edited.reload();
  await talk(client, [['', 'done']]);
  await edited.server.logged(/ warn slow handler: .*\(onMessage\)/);
});

test('two at once are one, and both are told', async (t) => {
  const edited = await serveEdited(t, { 'app.lua': simple('old') });
  const client = await edited.open();
  edited.edit({ 'app.lua': simple('new') });
  const reports = await Promise.all([edited.reload(), edited.reload(), edited.reload()]);
  for (const report of reports) assert.match(report, /reload [0-9a-f]{8} -> /);
  await talk(client, [['', 'new1']]);
});

test('rollback goes back, as often as there was something before', async (t) => {
  const edited = await serveEdited(t, { 'app.lua': simple('one'), 'x.lua': 'return 1\n' });
  const client = await edited.open();
  assert.match(await edited.fail('rollback'), /there is no code to go back to/);
  edited.edit({ 'app.lua': `require "x"\n${simple('two')}` });
  await edited.reload();
  edited.edit({ 'app.lua': simple('three'), 'x.lua': null });
  await edited.reload();
  await talk(client, [['', 'three1']]);
  assert.match(await edited.reload('rollback'), /rollback/);
  await talk(client, [['', 'two2']]);
  await edited.reload('rollback');
  await talk(client, [['', 'one3']]);
  await edited.fail('rollback');
  await edited.reload();
  await talk(client, [['', 'three4']]);
});

test('the command: which server, and what is wrong', async (t) => {
  const edited = await serveEdited(t, { 'app.lua': simple('old') });
  const said = async (status, pattern, ...words) => {
    const result = await edited.run(...words);
    const text = result.stdout + result.stderr;
    assert.strictEqual(result.status, status, text);
    assert.match(text, pattern);
  };
  await said(0, /reload/, 'reload');
  await said(0, /reload/, 'reload', edited.path('app.lua'));
  await said(1, /no server of this user serves none\.lua/, 'reload', 'none.lua');
  await said(1, /process 1 cannot be asked/, 'reload', '--pid', '1');
  await said(2, /--pid takes the number of a process, not x/, 'reload', '--pid', 'x');
  await said(2, /one --pid N or one app\.lua says which server/, 'reload', 'a', 'b');
  const other = await serveEdited(t, { 'app.lua': simple('other') });
  await said(1, /2 servers run; say which one:\n.*--pid \d+ /, 'reload');
  await other.server.stop();
  await said(0, /reload/, 'reload');
  assert.deepStrictEqual(
    fs.readdirSync(t.temporary('runtime/ratchet-lua')), [`${edited.server.pid}.sock`]);
});

test('the command: servers that do not answer hold it up for a moment only', async (t) => {
  const edited = await serveEdited(t, { 'app.lua': simple('old') });
  const stopped = [];
  for (const name of ['one', 'two']) {
    const { server } = await serveEdited(t, { 'app.lua': simple(name) });
    t.atEnd(() => server.kill('SIGCONT'));
    stopped.push(server);
  }
  const answered = new Stopwatch();
  for (const server of stopped) server.kill('SIGSTOP');
  const good = await edited.run('reload');
  assert.strictEqual(good.status, 0, good.stderr);
  assert.match(good.stdout, /^reload /);
  const bad = await edited.run('reload', 'none.lua');
  assert.strictEqual(bad.status, 1);
  assert.match(bad.stderr, /no server of this user serves none\.lua\n/);
  for (const { pid } of stopped) assert.ok(bad.stderr.includes(`  --pid ${pid}  does not answer\n`));
  for (const server of stopped) server.kill('SIGCONT');
  answered.expect('both were asked at once', 0, 10000 * slow);
});

test('--watch sees what is written, renamed into place, and new', async (t) => {
  const edited = await serveEdited(t, { 'app.lua': simple('a') }, { args: ['--watch'] });
  const client = await edited.open();
  await talk(client, [['', 'a1']]);
  const heard = async (text) => {
    await poll(async () => {
      await client.text('');
      return String((await client.nextFrame()).payload).startsWith(text);
    }, `no ${text}`);
  };
  edited.edit({ 'app.lua': simple('b') });
  await heard('b');
  edited.edit({ 'app.lua.tmp': simple('c') });
  fs.renameSync(edited.path('app.lua.tmp'), edited.path('app.lua'));
  await heard('c');
  edited.edit({ 'app.lua': `local x = require "sub.x"\n${simple('d')}` });
  await edited.server.logged(/module 'sub\.x' not found/);
  edited.edit({ 'sub/x.lua': 'return 1\n' });
  await heard('d');
  edited.edit({ 'sub/x.lua': 'return 2\n' });
  await edited.server.logged(/files: \S+sub\/x\.lua\n/);
  const count = (edited.server.stderr.match(/reload/g) || []).length;
  edited.edit({ 'notes.txt': 'x', 'unused.lua': 'return 1\n' });
  await sleep(300);
  assert.strictEqual((edited.server.stderr.match(/reload/g) || []).length, count);
});

test('--watch shows in a page what is wrong, until it is right', { ms: 60000 }, async (t) => {
  const text = (more) => appText('local C = { onMessage = print }',
    'app:get("/", function() return "<!doctype html><body>a page" end)',
    `${more} app:route("/chat", C)`);
  const edited = await serveEdited(t, { 'app.lua': text('') }, { args: ['--watch'] });
  const browser = await launch();
  t.atEnd(() => browser.close());
  const tab = await browser.newPage();
  await tab.goto(`http://localhost:${edited.server.port}/`);
  edited.edit({ 'app.lua': text('error("<b>no</b>")') });
  const box = tab.locator('pre');
  await box.waitFor({ timeout: 10000 * slow });
  assert.match(await box.textContent(), /app\.lua:\d+: <b>no<\/b>/);
  edited.edit({ 'app.lua': text('') });
  await box.waitFor({ state: 'detached', timeout: 10000 * slow });
});

test('without --watch a page is as it was written', async (t) => {
  const edited = await serveEdited(t, { 'app.lua': appText('local C = { onMessage = print }',
    'app:get("/", function() return "<p>a page" end)', 'app:route("/chat", C)') });
  for (const [target, status, body] of [['/', 200, '<p>a page'], ['/.ratchet/reload', 404]]) {
    const client = await t.raw(edited.server);
    await client.send(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const answer = await client.answer();
    assert.strictEqual(answer.status, status);
    if (body) assert.strictEqual(answer.body, body);
  }
});

test('uv.walk does not come to what the program watches with', async (t) => {
  const edited = await serveEdited(t, { 'app.lua': appText(`local uv = require "luv"
local C = {}
function C:onMessage(conn)
  local count = 0
  uv.walk(function() count = count + 1 end)
  conn:send(count .. "")
end`) }, { args: ['--watch'] });
  await talk(await edited.open(), [['', '0']]);
});

test('a load that does not end is stopped, and the old code goes on', async (t) => {
  const text = (more) => `local ratchet = require "ratchet"
local C = { onMessage = function(_, conn) conn:send("old") end }
${more}
local app = ratchet.App("localhost", 8080, nil, { handlerBudget = 0.3 })
app:route("/", C, { "*" })
app:run()\n`;
  const edited = await serveEdited(t, { 'app.lua': text('') });
  const client = await edited.open();
  edited.edit({ 'app.lua': text('while true do end') });
  assert.match(await edited.fail(), /app\.lua:3: .*handlerBudget/);
  await talk(client, [['', 'old']]);
});

test('a reload while the server says goodbye changes nothing of that', async (t) => {
  const edited = await serveEdited(t, { 'app.lua': simple('old') });
  const client = await edited.open();
  edited.server.kill('SIGTERM');
  assert.strictEqual((await client.closeFrame()).code, 1001);
  edited.server.kill('SIGHUP');
  await edited.server.logged(/reload failed: the server is going away/);
  await client.close(1001);
  await edited.server.exit();
});

// ---- Redis

test('a client of Redis stays, and its subscriptions tell the new code, once', async (t) => {
  const redis = await redisServer(t);
  const text = (word, channels) => appText(`local redis = assert(ratchet.redis.connect{ path = "${redis.socket}" })
local heard = {}
for _, channel in ipairs{ ${channels} } do
  redis:subscribe(channel, function(message) heard[#heard + 1] = "${word} " .. message end)
end
local C = {}
function C:onMessage(conn, m)
  if m == "client" then return conn:send(redis:client("ID")) end
  if m == "heard" then
    conn:send(table.concat(heard, ","))
    heard = {}
    return
  end
  local channel, word = m:match("(%S+) (%S+)")
  conn:send(redis:publish(channel, word) .. "")
end`);
  const edited = await serveEdited(t, { 'app.lua': text('old', '"a", "gone"') }, { descriptors: false });
  const client = await edited.open();
  const reach = (channel, count) => poll(async () => {
    await client.text(`${channel} x`);
    return Number((await client.nextFrame()).payload) === count;
  }, `${channel} is told ${count} times`);
  await reach('a', 1);
  await reach('gone', 1);
  await client.text('client');
  const id = String((await client.nextFrame()).payload);
  await client.text('heard');
  await client.nextFrame();
  edited.edit({ 'app.lua': text('new', '"a", "b"') });
  await edited.reload();
  await reach('b', 1);
  await reach('gone', 0);
  await client.text('heard');
  await client.nextFrame();
  await talk(client, [['client', id], ['a 1', '1'], ['b 2', '1'], ['gone 3', '0']]);
  await poll(async () => {
    await client.text('heard');
    return String((await client.nextFrame()).payload) === 'new 1,new 2';
  }, 'each is told once');
});

// ---- other servers

test('a connection to another server stays, and tells the new code', async (t) => {
  const heard = [];
  const peers = [];
  for (let i = 0; i < 2; i++) {
    const peer = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    t.atEnd(() => peer.close());
    await new Promise((resolve) => peer.once('listening', resolve));
    peer.on('connection', (socket) => {
      heard.push(`${i} connected`);
      socket.on('message', (message) => heard.push(`${i} ${message}`));
      socket.on('close', () => heard.push(`${i} closed`));
    });
    peers.push(peer);
  }
  const text = (word, peer) => appText(`local Feed = { n = 0 }
function Feed:onOpen(conn) self.conn = conn note("open ${word}") end
function Feed:onMessage(conn, m) self.n = self.n + 1 conn:send("${word} " .. m .. self.n) note("told") end
local feed = ratchet.connect("ws://127.0.0.1:${peer.address().port}/", { events = Feed, reconnect = true })
local C = {}
function C:onMessage(conn, m) conn:send(tostring(feed.conn == Feed.conn)) end`);
  const edited = await serveEdited(t, { 'app.lua': text('old', peers[0]) }, { descriptors: false });
  await edited.server.note('open old');
  for (const socket of peers[0].clients) socket.send('a');
  await edited.server.noted(['told'], 1);
  edited.edit({ 'app.lua': text('new', peers[0]) });
  await edited.reload();
  for (const socket of peers[0].clients) socket.send('b');
  await edited.server.noted(['told'], 2);
  await poll(() => heard.includes('0 new b2'), () => heard.join());
  assert.deepStrictEqual(heard, ['0 connected', '0 old a1', '0 new b2']);
  await talk(await edited.open(), [['', 'true']]);
  edited.edit({ 'app.lua': text('third', peers[1]) });
  await edited.reload();
  await edited.server.note('open third');
  for (const socket of peers[1].clients) socket.send('c');
  await poll(() => heard.includes('1 third c3') && heard.includes('0 closed'), () => heard.join());
  await talk(await edited.open(), [['', 'true']]);
});

// ---- a new process in place of the old one

// A listening socket that two servers are given, as systemd gives it to the services
// of one socket unit.
function sharedSocket(t) {
  const { TCP, constants } = process.binding('tcp_wrap'); // net.Server would accept by itself
  const socket = new TCP(constants.SERVER);
  socket.bind('127.0.0.1', 0);
  t.atEnd(() => socket.close());
  return socket.fd;
}

const HANDED = 'LISTEN_FDS=1 LISTEN_PID=$$ LISTEN_FDNAMES=web exec "$@"';

// A client of the control socket; what it returns says a word and reads the answer.
async function controlClient(t, edited) {
  const socket = net.connect(path.join(edited.env.XDG_RUNTIME_DIR, 'ratchet-lua',
    `${edited.server.pid}.sock`));
  t.atEnd(() => socket.destroy());
  await once(socket, 'connect');
  return async (word) => {
    let answer = '';
    socket.on('data', (bytes) => { answer += bytes; });
    socket.write(`${word}\n`);
    await once(socket, 'end');
    return answer;
  };
}

test('drain: a new process takes over, nobody is turned away, and all come again', async (t) => {
  const text = (word) => `${simple(word).replace('("localhost", 8080)',
    '("", false)').replace('app:run()', 'app:listen{ systemd = "web" } app:run()')}`;
  const options = { port: false, descriptors: false, inherit: sharedSocket(t),
    through: ['/bin/sh', '-c', HANDED, 'sh'] };
  const old = await serveEdited(t, { 'app.lua': text('old') }, options);
  const clients = [];
  for (let i = 0; i < 20; i++) clients.push(await t.open(old.server));
  const fresh = await serveEdited(t, { 'app.lua': text('new') }, options);
  const asking = await controlClient(t, old); // is not meant, and not counted
  const report = await old.run('drain', '--seconds', '1', '--pid', String(old.server.pid));
  assert.match(report.stdout, /^20 connections are asked to come again within 1 s/);
  const moves = clients.map(async (client) => {
    assert.deepStrictEqual(await client.closeFrame(), { code: 1012, reason: 'service restart' });
    const time = Date.now();
    await client.close(1012);
    const again = await t.open(fresh.server);
    await again.text('');
    assert.match(String((await again.nextFrame()).payload), /^new\d+$/);
    return time;
  });
  await Promise.race(moves);
  assert.match(await asking('status'), /^ok\n/);
  const times = await Promise.all(moves);
  assert.ok(Math.max(...times) - Math.min(...times) > 500, 'not all at once');
  await old.server.exit();
  assert.match((await old.fail()), /cannot be asked/);
});

test('drain: two processes listen on one port where both say so', async (t) => {
  const text = (word, port, rest) => `${simple(word).replace('("localhost", 8080)', '("", false)')
    .replace('app:run()', `app:listen{ port = ${port}${rest} } app:run()`)}`;
  const options = { port: false, descriptors: false };
  const shared = ', reusePort = true';
  const old = await serveEdited(t, { 'app.lua': text('old', 0, shared) }, options);
  const { port } = old.server;
  const client = await t.open(old.server);
  const alone = new Server(t.app(text('alone', port, '')), { port: false, expectStatus: 1 });
  alone.spawn();
  await alone.exit();
  assert.match(alone.stderr, /address already in use/);
  const fresh = await serveEdited(t, { 'app.lua': text('new', port, shared) }, options);
  await old.run('drain', '--seconds', '1', '--pid', String(old.server.pid));
  assert.strictEqual((await client.closeFrame()).code, 1012);
  await client.close(1012);
  await old.server.exit();
  for (let i = 0; i < 5; i++) {
    const again = await t.open(fresh.server);
    await again.text('');
    assert.match(String((await again.nextFrame()).payload), /^new\d+$/);
  }
});

// ---- the apps



async function serveApp(t, name) {
  const folder = path.join(apps, name);
  const files = {};
  for (const one of fs.readdirSync(folder, { withFileTypes: true })) {
    if (one.isFile()) files[one.name] = fs.readFileSync(path.join(folder, one.name), 'utf8');
  }
  return serveEdited(t, files);
}

test('apps: the chat keeps its members', async (t) => {
  const edited = await serveApp(t, 'chat');
  const ada = await edited.open('/chat');
  const bob = await edited.open('/chat');
  await ada.text('ada: hello');
  await bob.expectText('ada: hello');
  const text = fs.readFileSync(edited.path('app.lua'), 'utf8');
  const edits = text
    .replace('function Chat:onOpen(conn)  self.clients[conn] = true end',
      'function Chat:onOpen(conn)\n  self.clients[conn] = true\n  conn:send("server: welcome")\nend')
    .replace('client:send(message)', 'client:send(message .. "!")');
  edited.edit({ 'app.lua': edits });
  assert.match(await edited.reload(), /functions replaced: Chat:onMessage .*, Chat:onOpen/);
  await ada.text('ada: hello');
  await bob.expectText('ada: hello!');
  const eve = await edited.open('/chat');
  await eve.expectText('server: welcome');
  await eve.text('eve: hi');
  for (const one of [ada, bob]) await one.expectText('eve: hi!');
});

test('apps: the rooms keep their members', async (t) => {
  const edited = await serveApp(t, 'rooms');
  const enter = (name) => edited.open(`/room/lobby?name=${name}`, ['Origin: http://localhost']);
  const hear = async (client, wanted) =>
    assert.deepStrictEqual(JSON.parse((await client.nextFrame()).payload), wanted);
  const ada = await enter('ada');
  await hear(ada, { type: 'who', people: ['ada'] });
  const text = fs.readFileSync(edited.path('app.lua'), 'utf8');
  edited.edit({ 'app.lua': text.replace('text = text })', 'text = text .. "!" })') });
  await edited.reload();
  const bob = await enter('bob');
  await hear(ada, { type: 'join', name: 'bob' });
  for (const one of [ada, bob]) await hear(one, { type: 'who', people: ['ada', 'bob'] });
  await ada.text('{"text":"hi"}');
  for (const one of [ada, bob]) await hear(one, { type: 'say', name: 'ada', text: 'hi!' });
});

test('TLS goes on, and an address can get it', async (t) => {
  const text = (word, port) => `local ratchet = require "ratchet"
local app = ratchet.App("localhost", 8080)
app:get("/", function() return "${word}" end)
${port}
app:run()\n`;
  const where = t.temporary('x.sock');
  const edited = await serveEdited(t, { 'app.lua': text('old', '') },
    { args: ['--dev-tls'], descriptors: false });
  const ask = (options) => new Promise((resolve, reject) => {
    https.get({ path: '/', headers: { Host: 'localhost' }, rejectUnauthorized: false, agent: false,
      ...options },
      (answer) => {
        let body = '';
        answer.on('data', (bytes) => { body += bytes; });
        answer.on('end', () => resolve(body));
      }).on('error', reject);
  });
  const tcp = { host: '127.0.0.1', port: edited.server.port };
  assert.strictEqual(await ask(tcp), 'old');
  edited.edit({ 'app.lua': text('new', `app:listen{ unix = "${where}" }`) });
  await edited.reload();
  assert.strictEqual(await ask(tcp), 'new');
  assert.strictEqual(await ask({ socketPath: where }), 'new');
  edited.edit({ 'app.lua': text('plain', `app:listen{ unix = "${where}", tls = false }`) });
  await edited.reload();
  assert.strictEqual(await ask(tcp), 'plain');
  await assert.rejects(ask({ socketPath: where }));
});

test('who was blocked meanwhile is, and a layer can come and go around a component', async (t) => {
  const text = (word, route) => appText(`local C = { n = 0 }
function C:onMessage(conn, m)
  self.n = self.n + 1
  if m == "block" then C.list:blockAddress("192.0.2.7") end
  conn:send("${word}" .. self.n .. tostring(C.list ~= nil and C.list:isBlocked("192.0.2.7")))
end`, '', route);
  const plain = 'app:route("/", C, { "*" })';
  const listed = `C.list = ratchet.server.IpBlackList(ratchet.websocket.WsServer(C))
app:route("/", C.list, { "*" })`;
  const edited = await serveEdited(t, { 'app.lua': text('a', listed) });
  const client = await edited.open();
  await talk(client, [['', 'a1false'], ['block', 'a2true']]);
  edited.edit({ 'app.lua': text('b', listed) });
  await edited.reload();
  await talk(client, [['', 'b3true']]);
  await talk(await edited.open(), [['', 'b4true']]);
  edited.edit({ 'app.lua': text('c', plain) });
  await edited.reload();
  await client.text('');
  assert.match(String((await client.nextFrame()).payload), /^c5/);
  const fresh = await edited.open();
  await fresh.text('');
  assert.match(String((await fresh.nextFrame()).payload), /^c6/);
  edited.edit({ 'app.lua': text('d', listed) });
  await edited.reload();
  await client.text('');
  assert.match(String((await client.nextFrame()).payload), /^d7/);
});

test('layers around a component come and go, and nobody is silent', async (t) => {
  const layers = [
    'C',
    'ratchet.server.Limiter(C, { messages = 1000 })',
    'ratchet.server.IpBlackList(ratchet.server.Limiter(C, { messages = 1000 }), { kick = true })',
    'ratchet.server.Limiter(ratchet.server.IpBlackList(C), { messages = 1000 })',
    'ratchet.component.wrap(C, { onMessage = function(self, conn, m) self.next:onMessage(conn, m) end })',
    'ratchet.server.IpBlackList(C)',
  ];
  const text = (n, layer) => appText(`local C = { open = 0 }
function C:onOpen() self.open = self.open + 1 end
function C:onMessage(conn) conn:send("${n} " .. self.open) end
function C:onClose() self.open = self.open - 1 note("open", self.open) end`, '',
  `app:route("/", ${layer}, { "*" })`);
  const edited = await serveEdited(t, { 'app.lua': text(0, layers[0]) });
  const clients = [await edited.open()];
  const order = [1, 2, 3, 5, 2, 4, 1, 5, 1, 0, 2, 0, 3];
  for (let n = 1; n <= order.length; n++) {
    edited.edit({ 'app.lua': text(n, layers[order[n - 1]]) });
    await edited.reload();
    clients.push(await edited.open());
    for (const client of clients) await talk(client, [['', `${n} ${n + 1}`]]);
  }
  for (let left = order.length; left >= 0; left--) {
    await clients[left].close(1000);
    await edited.server.note('open', left);
  }
});

test('a limiter keeps its counts though another layer comes around or behind it', async (t) => {
  const text = (layer) => appText(`local C = {}
function C:onMessage(conn, m) conn:send(m) end`, '', `app:route("/", ${layer}, { "*" })`);
  const limiter = (inner) => `ratchet.server.Limiter(${inner}, { maxConnections = 1 })`;
  const edited = await serveEdited(t, { 'app.lua': text(limiter('C')) });
  const client = await edited.open();
  for (const layer of [`ratchet.server.IpBlackList(${limiter('C')})`,
    limiter('ratchet.server.IpBlackList(C)'), limiter('C')]) {
    edited.edit({ 'app.lua': text(layer) });
    await edited.reload();
    await assert.rejects(edited.open(), /429/);
    await talk(client, [['on', 'on']]);
  }
});

test('a global of Lua that the app replaces is its own again when the code leaves it alone', async (t) => {
  const text = (word, more) => appText(`${more}
local C = {}
function C:onMessage(conn) conn:send("${word} " .. type(print) .. tostring((print()))) end`);
  const own = 'function print() return "own" end';
  const edited = await serveEdited(t, { 'app.lua': text('a', '') });
  const client = await edited.open();
  await talk(client, [['', 'a functionnil']]);
  for (const bad of [`${own} error("no")`, 'print, next, pairs, type, error, tostring = nil local x = nil + 1',
    'rawset, ipairs, pcall, print = nil local x = nil + 1']) {
    edited.edit({ 'app.lua': text('b', bad) });
    await edited.fail();
    await talk(client, [['', 'a functionnil']]);
  }
  for (const [word, more, said] of [['c', own, 'c functionown'], ['d', own, 'd functionown'],
    ['e', '', 'e functionnil'], ['f', '', 'f functionnil'], ['g', own, 'g functionown']]) {
    edited.edit({ 'app.lua': text(word, more) });
    await edited.reload();
    await talk(client, [['', said]]);
  }
});

test('--watch: a folder that is made anew is watched, the app\'s own too', async (t) => {
  const app = appText('local C = require "sub.c"');
  const part = (word) => `local C = {}\nfunction C:onMessage(conn) conn:send("${word}") end\nreturn C\n`;
  const edited = await serveEdited(t, { 'app.lua': app, 'sub/c.lua': part('0') },
    { args: ['--watch'] });
  const client = await edited.open();
  const expect = (word) => poll(async () => {
    await client.text('');
    return String((await client.nextFrame()).payload) === word;
  }, word);
  const remake = (name, files) => {
    fs.renameSync(edited.path(name), `${edited.folder}-${path.basename(name)}-old`);
    fs.rmSync(`${edited.folder}-${path.basename(name)}-old`, { recursive: true });
    edited.edit(files);
  };
  remake('sub', { 'sub/c.lua': part('1') });
  await expect('1');
  edited.edit({ 'sub/c.lua': part('2') });
  await expect('2');
  remake('.', { 'app.lua': app, 'sub/c.lua': part('3') });
  await expect('3');
  edited.edit({ 'sub/c.lua': part('4') });
  await expect('4');
});
