-- new - `ratchet-lua new NAME`: a folder with an app that runs, its page, its specs, and
-- what editors, containers and systemd need. The templates are plain files; @NAME@ and
-- the like stand for what is only known here, and dot_ for the dot of a hidden file.

local arguments = require "ratchet.arguments"
local command = require "ratchet.command"

local templates = debug.getinfo(1, "S").source:match("^@(.*)new%.lua$") .. "templates/"

local about = {
  chat = "A chat: what one writes, everybody else reads.",
  rooms = "Rooms with names, and who is in them.",
  game = "A game for many on one board.",
  dashboard = "Figures that come in by HTTP, on every screen at once.",
  wamp = "Topics to publish on and subscribe to, and a procedure, by WAMP.",
}

local usage = {
  name = "new",
  operands = { "NAME" },
  options = { template = "text" },
  help = [[
usage: ratchet-lua new [options] NAME

Makes a folder NAME with an app that runs, its page, its specs, settings for editors,
a Dockerfile and a systemd unit.

  --template NAME  chat (default): what one writes, everybody else reads
                   rooms: rooms with names, and who is in them
                   game: many players on one board, 20 frames a second
                   dashboard: figures that come in by HTTP, on every screen
                   wamp: topics and a procedure, for any WAMP client
  --help           this text

Exit status: 0 done, 1 the folder cannot be made, 2 wrong usage.
]],
}

local done = [[
%s is there. Go on with

  cd %s
  ratchet-lua app.lua         and open http://localhost:8080/
  ratchet-lua check app.lua
  ratchet-lua test]]

local function read(path)
  local handle = assert(io.open(path))
  local text = handle:read("*a")
  handle:close()
  return text
end

local function write(path, text)
  local handle, err = io.open(path, "w")
  if not handle then error(err, 0) end
  handle:write(text)
  local is_closed, why = handle:close()
  if not is_closed then error(why, 0) end
end

local function fill(text, values)
  return (text:gsub("@(%u+)@", values))
end

-- The files of a template and of its folders, as paths below it.
local function list(uv, folder, below, found)
  local directory = assert(uv.fs_scandir(folder .. below))
  local name, kind = uv.fs_scandir_next(directory)
  while name do
    if kind == "directory" then
      list(uv, folder, below .. name .. "/", found)
    else
      found[#found + 1] = below .. name
    end
    name, kind = uv.fs_scandir_next(directory)
  end
  return found
end

local function make_folder(uv, path)
  local is_made, err, code = uv.fs_mkdir(path, tonumber("755", 8))
  if not is_made and code ~= "EEXIST" then error(err, 0) end
end

local function copy(uv, template, target, values)
  local paths = list(uv, templates .. template .. "/", "", {})
  table.sort(paths)
  for _, path in ipairs(paths) do
    local folder = path:match("^(.*)/")
    if folder then make_folder(uv, target .. "/" .. folder) end
    local name = path:gsub("dot_", "."):gsub("NAME", values.NAME)
    write(target .. "/" .. name, fill(read(templates .. template .. "/" .. path), values))
  end
end

-- Where an editor finds the annotations, and systemd the program, on this machine.
local function values_for(uv, name, template)
  local library = templates:gsub("ratchet/command/templates/$", "")
  return {
    NAME = name, ABOUT = about[template], PROGRAM = uv.exepath(),
    LIBRARY = uv.fs_realpath(library) or library,
  }
end

local function check(uv, given)
  local name = given[1]:match("([^/]+)/*$") or ""
  local template = given.template or "chat"
  if not about[template] then
    return nil, ("there is no template %q; there are chat, dashboard, game, rooms and wamp"):format(
      template)
  end
  if not name:find("^%a[%w_-]*$") then
    return nil, ("%q is no name: a letter, then letters, digits, - and _"):format(name)
  end
  if uv.fs_stat(given[1]) then
    return nil, ("%s is there already; choose another name"):format(given[1])
  end
  return name, template
end

local function new(given)
  local uv = require "luv"
  local name, template = check(uv, given)
  if not name then return command.usage("new", template) end
  local target = given[1]:gsub("/+$", "")
  local is_made, err = pcall(function()
    local values = values_for(uv, name, template)
    local made, why = uv.fs_mkdir(target, tonumber("755", 8))
    if not made then error(why, 0) end
    copy(uv, "common", target, values)
    copy(uv, template, target, values)
  end)
  if not is_made then
    io.stderr:write(("ratchet-lua new: %s\n"):format(err))
    return 1
  end
  print(done:format(target, target))
  return 0
end

---@param ... string what follows the command's name
---@return integer status
return function(...)
  return arguments.run({ ... }, usage, new)
end
