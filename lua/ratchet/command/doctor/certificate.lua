-- certificate - for how long is a certificate of TLS good? It is asked of openssl, the
-- program, where that is installed.

local linter = require "ratchet.command.check.linter"

local certificate = {}

local SOON = 14 -- days: who renews by a timer has done it by then

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }

---The time that openssl writes as "notAfter=Nov 23 08:35:39 2027 GMT".
---@param text string
---@return integer? time as os.time() tells it
function certificate.time(text)
  local month, day, hour, minute, second, year =
    text:match("notAfter=(%a+)%s+(%d+) (%d+):(%d+):(%d+) (%d+) GMT")
  if not months[month] then return nil end
  local there = os.time{ year = tonumber(year), month = months[month], day = tonumber(day),
    hour = tonumber(hour), min = tonumber(minute), sec = tonumber(second), isdst = false }
  local utc = os.date("!*t", there)
  utc.isdst = false
  return there + os.difftime(there, os.time(utc))
end

---What an end at that time means now.
---@param what string whose it is
---@param text string what openssl says
---@param now integer
---@return ratchet.Finding
function certificate.judge(what, text, now)
  local ends = certificate.time(text)
  if not ends then
    return { level = "note", what = ("%s: when its certificate ends is not known"):format(what),
      cure = "openssl says more, if it is installed: apt-get install openssl" }
  end
  local days = math.floor((ends - now) / 86400)
  local date = os.date("!%Y-%m-%d", ends)
  if days < 0 then
    return { level = "warning", what = ("%s: the certificate has ended on %s"):format(what, date),
      cure = "renew it, and load it by SIGHUP; no client trusts it any more" }
  end
  if days < SOON then
    return { level = "warning", what = ("%s: the certificate ends on %s, in %d days"):format(what,
      date, days), cure = "renew it, and load it by SIGHUP; does the timer of certbot run?" }
  end
  return { level = "ok", what = ("%s: the certificate ends on %s, in %d days"):format(what, date,
    days) }
end

local function ask(shell)
  local output = io.popen(shell .. " 2>/dev/null")
  local text = output:read("*a")
  output:close()
  return text
end

---Of a file in PEM.
---@param path string
---@return ratchet.Finding
function certificate.of_file(path)
  return certificate.judge(path, ask("openssl x509 -noout -enddate -in " .. linter.quote(path)),
    os.time())
end

---Of the server there.
---@param host string
---@param port integer
---@return ratchet.Finding
function certificate.of_server(host, port)
  local where = ("%s:%d"):format(host:find(":", 1, true) and "[" .. host .. "]" or host, port)
  return certificate.judge(where, ask(("timeout 10 openssl s_client -connect %s -servername %s "
    .. "</dev/null 2>/dev/null | openssl x509 -noout -enddate"):format(linter.quote(where),
    linter.quote(host))), os.time())
end

return certificate
