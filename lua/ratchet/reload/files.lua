-- files - the Lua files of the app: those below the folder of the app file. They are
-- found by require, dofile and loadfile as ever, but each that is loaded is noted
-- with its text, and the text can come from memory in place of the disk, as a
-- rollback needs it. What lies elsewhere, the library, and trees of installed modules
-- (lua_modules) are none of the app's.

local immutable = require "ratchet.reload.immutable"

---@class ratchet.reload.File
---@field path string as it was opened
---@field name string? of the module
---@field text string
---@field chunk function? until its marks are read

local files = {}

local folder -- with a slash at its end
local noted -- the File of each path, and in order
local sources -- path to text, to be read in place of the disk; nil for the disk

local original = { loader = package.loaders[2], dofile = dofile, loadfile = loadfile }

local NOT_THERE = { [2] = true, [20] = true } -- ENOENT, ENOTDIR

local function read_disk(path)
  local file, message, code = io.open(path, "rb")
  if not file then return nil, message, not NOT_THERE[code] end
  local text
  text, message = file:read("*a")
  file:close()
  if not text then return nil, ("%s: %s"):format(path, message), true end
  return text
end

local function is_library(name)
  return name ~= nil and (name == "ratchet" or name:sub(1, 8) == "ratchet.")
end

-- "x.lua" is "./x.lua".
local function with_folder(path)
  if folder == "./" and not path:find("^%.?%.?/") then return "./" .. path end
  return path
end

---Does the app own the file of that path, and module name if it has one?
---@param path string
---@param name string?
---@return boolean
function files.is_own(path, name)
  return folder ~= nil and with_folder(path):sub(1, #folder) == folder
    and not is_library(name) and not with_folder(path):find("/lua_modules/", #folder, true)
end

---Is that a chunk of the app's, by debug.getinfo's `source`?
---@param source string
---@return boolean
function files.is_source(source)
  return noted ~= nil and source:sub(1, 1) == "@" and noted[source:sub(2)] ~= nil
end

local function read(path)
  if sources then return sources[path], path .. ": No such file or directory" end
  return files.read(path)
end

local is_late = false -- have the files been loaded? Handlers load more

---Called with name and value of a module that a handler has loaded, or nil.
---@type fun(name: string, value: any)?
files.late = nil

---Reads a file from the disk; a spec puts another function here.
---@param path string
---@return string? text
---@return string? message
---@return boolean? is_there it is, but it cannot be read: for want of descriptors, say
files.read = read_disk

---Is there such a file? One that cannot be read is; loading it says why.
---@param path string
---@return boolean
function files.exists(path)
  local text, _, is_there = read(path)
  return text ~= nil or is_there == true
end

---Notes a file with its text.
---@param path string
---@param text string
---@param chunk function
---@param name string?
function files.note(path, text, chunk, name)
  local file = { path = path, name = name, text = text, chunk = chunk, is_late = is_late }
  if not noted[path] then noted[#noted + 1] = file end
  for i, one in ipairs(noted) do
    if one.path == path then noted[i] = file end
  end
  noted[path] = file
end

---Which local variables of the file LuaJIT takes for constants.
---@param file ratchet.reload.File
---@return table<string, boolean> marks of ratchet.reload.immutable
function files.marks(file)
  if not file.marks then
    file.marks, file.chunk = immutable.read(file.chunk), nil
  end
  return file.marks
end

-- A "#" line at the beginning is for the shell.
local function compile(text, path)
  return load((text:gsub("^#[^\n]*", "", 1)), "@" .. path, "t")
end

---Compiles a file of the app and notes it.
---@param path string
---@param name string? of the module
---@return function? chunk
---@return string? message
function files.load(path, name)
  local text, message = read(path)
  if not text then return nil, "cannot open " .. message end
  if text:byte(1) == 27 then return nil, path .. " is bytecode; Lua is loaded as text only" end
  local chunk
  chunk, message = compile(text, path)
  if not chunk then
    files.failed = { path = path, text = text }
    return nil, message
  end
  files.note(path, text, chunk, name)
  return chunk
end

-- package.loaders[2], for the app's files. What it does not know is the original's.
local function find_own(name)
  if is_library(name) then return nil end
  for template in package.path:gmatch("[^;]+") do
    local path = template:gsub("%?", (name:gsub("%.", "/"):gsub("%%", "%%%%")))
    if files.is_own(path, name) then
      if files.exists(path) then return path end
    elseif original.exists(path) then
      return nil
    end
  end
end

function original.exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- Tells of what a module that a handler loads has made, as soon as it is there.
local function announcing(chunk)
  return function(name)
    local value = chunk(name)
    if value == nil then value = package.loaded[name] end
    if files.late then files.late(name, value) end
    return value
  end
end

local function load_module(name)
  local path = find_own(name)
  if not path then return original.loader(name) end
  local chunk, message = files.load(path, name)
  if chunk and is_late then return announcing(chunk) end
  if chunk then return chunk end
  error(("error loading module '%s' from file '%s':\n\t%s"):format(name, path, message), 0)
end

local function load_file(path, mode, ...)
  if type(path) ~= "string" or not files.is_own(path) then
    return original.loadfile(path, mode, ...)
  end
  local chunk, message = files.load(path)
  if chunk and select("#", ...) > 0 then setfenv(chunk, (...)) end
  return chunk, message
end

local function do_file(path)
  if type(path) ~= "string" or not files.is_own(path) then return original.dofile(path) end
  local chunk, message = files.load(path)
  if not chunk then error(message, 0) end
  return chunk()
end

---Begins to note what is loaded from the folder of the app file.
---@param app_path string
function files.install(app_path)
  folder = (app_path:match("^(.*/)") or "./")
  noted, sources, is_late = {}, nil, false
  package.loaders[2], dofile, loadfile = load_module, do_file, load_file
  require "ratchet.reload.loader" -- which looks at the globals before the app does
end

---The files have been loaded: what is noted from here on, handlers have loaded.
function files.mark_late()
  is_late = true
end

---Ends it.
function files.remove()
  package.loaders[2], dofile, loadfile = original.loader, original.dofile, original.loadfile
  noted, sources, folder = nil, nil, nil
end

---Begins a new list; returns the one so far, for files.restore.
---@param texts table<string, string>? path to text, in place of the disk
---@return ratchet.reload.File[]
function files.begin(texts)
  local before = noted
  noted, sources, files.failed, is_late = {}, texts, nil, false
  return before
end

---Goes back to a list.
---@param list ratchet.reload.File[]
function files.restore(list)
  noted, sources, is_late = list, nil, true
end

---From here on files come from the disk again.
function files.from_disk()
  sources = nil
end

---What has been loaded, in order; by path too.
---@return ratchet.reload.File[]
function files.list()
  return noted
end

---@return string? with a slash at its end
function files.folder()
  return folder
end

return files
