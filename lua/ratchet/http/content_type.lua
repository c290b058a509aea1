-- content_type - what kind of thing a file is, by the end of its name. Nothing is
-- opened: a file that says it is a picture is sent as one.

local content_type = {}

local UNKNOWN = "application/octet-stream"

local text_types = {
  css = "text/css",
  csv = "text/csv",
  htm = "text/html",
  html = "text/html",
  ics = "text/calendar",
  js = "text/javascript",
  md = "text/markdown",
  mjs = "text/javascript",
  txt = "text/plain",
  vtt = "text/vtt",
}

local other_types = {
  aac = "audio/aac",
  apng = "image/apng",
  avif = "image/avif",
  bmp = "image/bmp",
  flac = "audio/flac",
  gif = "image/gif",
  gz = "application/gzip",
  ico = "image/vnd.microsoft.icon",
  jpeg = "image/jpeg",
  jpg = "image/jpeg",
  json = "application/json",
  jsonld = "application/ld+json",
  m4a = "audio/mp4",
  map = "application/json",
  mp3 = "audio/mpeg",
  mp4 = "video/mp4",
  oga = "audio/ogg",
  ogg = "audio/ogg",
  ogv = "video/ogg",
  opus = "audio/ogg",
  otf = "font/otf",
  pdf = "application/pdf",
  png = "image/png",
  svg = "image/svg+xml",
  tar = "application/x-tar",
  ttf = "font/ttf",
  wasm = "application/wasm",
  wav = "audio/wav",
  weba = "audio/webm",
  webm = "video/webm",
  webmanifest = "application/manifest+json",
  webp = "image/webp",
  woff = "font/woff",
  woff2 = "font/woff2",
  xml = "application/xml",
  zip = "application/zip",
}

---The value of Content-Type for a file; text is said to be UTF-8.
---@param path string
---@return string
function content_type.of(path)
  local ending = path:match("[^/]%.([%w]+)$")
  ending = ending and ending:lower()
  if text_types[ending] then return text_types[ending] .. "; charset=utf-8" end
  return other_types[ending] or UNKNOWN
end

return content_type
