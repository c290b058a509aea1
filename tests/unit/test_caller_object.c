/* A script that asks its own server, on a real loop, while each allocation
 * fails in turn: it is told so or it is not, and nothing is left open. */
#include "check.h"
#include "support_script.h"

/* Two rounds: the first makes whatever is made once. */
static const char text[] =
    "jit.off()\n"
    "local core = require 'ratchet.core'\n"
    "local it = assert(core.listen{ handle = function()\n"
    "  return 200, 'hello'\n"
    "end })\n"
    "local request = 'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'\n"
    "local function round()\n"
    "  local target = { host = '127.0.0.1', port = it.port }\n"
    "  local ticket = core.ticket()\n"
    "  local caller = core.caller(target, ticket, 5)\n"
    "  assert(core.wait(ticket))\n"
    "  for _ = 1, 2 do\n"
    "    ticket = core.ticket()\n"
    "    assert(caller:ask(ticket, request, 5, 100, false))\n"
    "    assert(assert(core.wait(ticket)).body == 'hello')\n"
    "    assert(caller:isOpen())\n"
    "  end\n"
    "  caller:rest(1)\n"
    "  caller:close()\n"
    "  assert(not caller:isOpen())\n"
    "end\n"
    "core.spawn(function()\n"
    "  round()\n"
    "  core.announce('warm')\n"
    "  core.sleep(0.002)\n"
    "  core.announce(pcall(round) and 'good' or 'bad')\n"
    "end)\n";

static const struct starved_app app = {.text = text, .has_sockets = true};

TEST(caller_object_survives_lua_having_no_memory) {
  starve_app(&app, true);
}

TEST(caller_object_survives_having_no_memory) {
  starve_app(&app, false);
}
