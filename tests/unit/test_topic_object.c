/* A broadcast to a topic with raw members, while memory ends. */
#include "check.h"
#include "support_script.h"

#include <stddef.h>

static const char text[] =
    "jit.off()\n"
    "local core = require 'ratchet.core'\n"
    "local testbed = core.testbed\n"
    "local taken, TEXT = 0, ('to all '):rep(700)\n"
    "local Raw = {}\n"
    "function Raw.onMessage(_, conn)\n"
    "  taken = core.topic('all'):add(conn):broadcast(TEXT)\n"
    "  conn:close()\n"
    "end\n"
    "local function round()\n"
    "  taken = 0\n"
    "  testbed.open()\n"
    "  local port = assert(core.listen{ endpoint = core.endpoint(Raw) }).port\n"
    "  local ticket = core.ticket()\n"
    "  local attempt = core.connect(ticket, { host = 'any', port = port,\n"
    "    target = '/', authority = 'any', endpoint = core.endpoint({}) })\n"
    "  local conn, reason = core.wait(ticket)\n"
    "  attempt:cancel()\n"
    "  assert(not conn and reason and taken == 1)\n"
    "end\n" STARVED_TESTBED;

static const struct starved_app app = {.text = text, .has_sockets = false};

TEST(topic_broadcast_survives_lua_having_no_memory) {
  starve_app(&app, true);
}

TEST(topic_broadcast_survives_having_no_memory) {
  starve_app(&app, false);
}
