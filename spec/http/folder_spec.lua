local folder = require "ratchet.http.folder"
local fake_core = require "support.fake_core"
local fake_files = require "support.fake_files"

describe("folder.objection", function()
  it("has nothing against sound paths", function()
    for _, path in ipairs({ "", "a", "a/b.txt", "a/", "a..b", "a/b..", "%2e%2e/a", "ä ö" }) do
      assert.is_nil(folder.objection(path), path)
    end
  end)

  it("has something against all others", function()
    for _, path in ipairs({
      "..", "../a", "a/..", "a/../b", ".", "./a", "a/./b", ".git/config", "a/.env", "...",
      "/etc/passwd", "//a", "a//b", "a//", "..\\a", "a\\b", "a\0", "a\0.txt", "a\nb", "\127",
    }) do
      assert.is_string(folder.objection(path), path)
    end
  end)
end)

describe("folder.find", function()
  before_each(function()
    fake_files.install(fake_core.install(), {
      ["/srv/www/a.txt"] = "a",
      ["/srv/www/.env"] = "secret",
      ["/srv/www/inside"] = { link = "/srv/www/a.txt" },
      ["/srv/www/outside"] = { link = "/srv/private/key" },
      ["/srv/www/sibling"] = { link = "/srv/www-other/a.txt" },
      ["/srv/www/hidden"] = { link = "/srv/www/.env" },
      ["/srv/www-other/a.txt"] = "b",
      ["/srv/private/key"] = "key",
      ["/srv/current"] = { link = "/srv/www" },
    })
  end)
  after_each(function()
    fake_files.remove()
    fake_core.remove()
  end)

  it("finds what lies in it, also when it is a link itself", function()
    assert.are.equal("/srv/www/a.txt", folder.find("/srv/www", "a.txt"))
    assert.are.equal("/srv/www/a.txt", folder.find("/srv/www/", "a.txt"))
    assert.are.equal("/srv/www/a.txt", folder.find("/srv/www", "inside"))
    assert.are.equal("/srv/www/a.txt", folder.find("/srv/current", "a.txt"))
    assert.are.equal("/srv/www", folder.find("/srv/www", ""))
    assert.are.equal("/srv/www/a.txt", folder.find("/", "srv/www/a.txt"))
  end)

  it("lets no link lead out, or to hidden files", function()
    for _, path in ipairs({ "outside", "sibling" }) do
      assert.are.same({ nil, "ENOENT: a symbolic link leads out of the folder" },
        { folder.find("/srv/www", path) })
    end
    assert.are.same({ nil, "ENOENT: a symbolic link leads to a hidden file" },
      { folder.find("/srv/www", "hidden") })
  end)

  it("tells what is missing, and raises when that is the folder", function()
    local real, message = folder.find("/srv/www", "none")
    assert.is_nil(real)
    assert.matches("^ENOENT", message)
    assert.has_error(function() folder.find("/none", "a") end)
  end)
end)
