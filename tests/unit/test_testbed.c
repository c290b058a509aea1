/* A test of an app, on the testbed of scripts, while each allocation fails in
 * turn: it ends well or with an error, and nothing is left open. */
#include "check.h"
#include "support_script.h"

/* Two rounds: the first makes whatever is made once. */
static const char text[] =
    "jit.off()\n"
    "local core = require 'ratchet.core'\n"
    "local testbed = core.testbed\n"
    "local function tell(ticket) return { onOpen = function(_, conn)\n"
    "  core.wake(ticket, conn)\n"
    "end } end\n"
    "local function serve()\n"
    "  local echo = core.endpoint({ onMessage = function(_, conn, message)\n"
    "    conn:send(message)\n"
    "  end })\n"
    "  return assert(core.listen{ handle = function() return echo end })\n"
    "end\n"
    "local function connect(port)\n"
    "  local ticket, told = core.ticket(), {}\n"
    "  local component = tell(ticket)\n"
    "  function component.onMessage(_, _, text) told[#told + 1] = text end\n"
    "  local attempt = core.connect(ticket, { host = 'any', port = port,\n"
    "    target = '/', authority = 'any', endpoint = core.endpoint(component) "
    "})\n"
    "  return assert(core.wait(ticket)), told, attempt\n"
    "end\n"
    "local function round()\n"
    "  testbed.open()\n"
    "  local conn, told = connect(serve().port)\n"
    "  assert(testbed.impair(conn, { pieces = { 1, 2 }, rate = 100 }))\n"
    "  conn:send('hello')\n"
    "  core.sleep(60)\n"
    "  testbed.settle()\n"
    "  assert(told[1] == 'hello')\n"
    "end\n" STARVED_TESTBED;

static const struct starved_app app = {.text = text, .has_sockets = false};

TEST(testbed_survives_lua_having_no_memory) {
  starve_app(&app, true);
}

TEST(testbed_survives_having_no_memory) {
  starve_app(&app, false);
}
