-- date - dates as HTTP writes them (RFC 9110 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
-- Times are seconds since 1970, in UTC, whatever zone and language the machine has.

local date = {}

local days = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local months =
  { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

local month_number = {}
for number, name in ipairs(months) do month_number[name] = number end

---@param time number seconds since 1970
---@return string
function date.format(time)
  local t = os.date("!*t", math.floor(time))
  return ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(
    days[t.wday], t.day, months[t.month], t.year, t.hour, t.min, t.sec)
end

-- Days from 1970-01-01; a year begins in March here, so that a leap day is its last.
local function days_since_1970(year, month, day)
  if month < 3 then year, month = year - 1, month + 12 end
  local of_years = 365 * year + math.floor(year / 4) - math.floor(year / 100)
    + math.floor(year / 400)
  return of_years + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

local function time_of(year, month_name, day, hour, minute, second)
  local month = month_number[month_name]
  if not month then return nil end
  local is_sound = day >= 1 and day <= 31 and hour < 24 and minute < 60 and second <= 60
  if not is_sound then return nil end
  return days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
end

-- Two digits of a year mean the one that is nearest, 50 years ahead at most.
local function whole_year(two_digits)
  local now = os.date("!*t").year
  local year = now - now % 100 + two_digits
  return year > now + 50 and year - 100 or year
end

---The time that a date means; nil when it is none. Takes the two obsolete forms,
---too, as RFC 9110 asks for.
---@param text string
---@return number?
function date.parse(text)
  local day, month, year, hour, minute, second =
    text:match("^%a%a%a, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$")
  if not day then
    day, month, year, hour, minute, second =
      text:match("^%a+day, (%d%d)%-(%a%a%a)%-(%d%d) (%d%d):(%d%d):(%d%d) GMT$")
    year = year and whole_year(tonumber(year))
  end
  if not day then
    month, day, hour, minute, second, year =
      text:match("^%a%a%a (%a%a%a) ([ %d]%d) (%d%d):(%d%d):(%d%d) (%d%d%d%d)$")
  end
  if not day then return nil end
  return time_of(tonumber(year), month, tonumber(day), tonumber(hour), tonumber(minute),
    tonumber(second))
end

return date
