local date = require "ratchet.http.date"

describe("date", function()
  it("is written in one form", function()
    assert.are.equal("Sun, 06 Nov 1994 08:49:37 GMT", date.format(784111777))
    assert.are.equal("Thu, 01 Jan 1970 00:00:00 GMT", date.format(0.9))
  end)

  it("is read in three", function()
    for _, text in ipairs({
      "Sun, 06 Nov 1994 08:49:37 GMT",
      "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994",
    }) do
      assert.are.equal(784111777, date.parse(text), text)
    end
  end)

  it("is the same there and back, over leap years and centuries", function()
    for time = 0, 5000000000, 12345677 do
      assert.are.equal(time, date.parse(date.format(time)))
    end
    assert.are.equal("Tue, 29 Feb 2000 12:00:00 GMT", date.format(951825600))
    assert.are.equal(951825600, date.parse("Tue, 29 Feb 2000 12:00:00 GMT"))
    assert.are.equal(4107542400, date.parse("Mon, 01 Mar 2100 00:00:00 GMT"))
  end)

  it("is nil when it is none", function()
    for _, text in ipairs({
      "", "now", "784111777", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ",
      "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
    }) do
      assert.is_nil(date.parse(text), text)
    end
  end)
end)
