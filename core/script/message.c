/*
 * message - a Lua string as a payload: checked, framed once, and framed no more
 * while the same string is sent again.
 */
#include "message.h"

#include "base/utf8.h"
#include "proto/framed.h"
#include "state.h"

#include <lauxlib.h>
#include <lua.h>

enum {
  SHORT_TEXT = 256,
  BORROWED_TEXT = 16 * 1024, /* from here on, sent from Lua's own memory */
};

static void release_text(void *owner, int held) {
  script_release(owner, held);
}

static struct payload *borrow_text(struct script *script, lua_State *L,
                                   int index, enum opcode opcode) {
  size_t length;
  const char *text = lua_tolstring(L, index, &length);
  lua_pushvalue(L, index);
  int held = script_hold(script, L);
  struct payload *payload =
      framed_borrow(opcode, text, length, release_text, script, held);
  if (!payload) script_release(script, held);
  return payload;
}

static struct payload *make_payload(struct script *script, lua_State *L,
                                    int index, int opcode) {
  size_t length;
  const char *text = lua_tolstring(L, index, &length);
  if (opcode == OP_TEXT && text != script->known_utf8 &&
      !utf8_valid((const uint8_t *)text, length)) {
    luaL_error(L, "a text message must be UTF-8; bytes go out with "
                  "sendBinary(message)");
  }
  struct payload *payload;
  if (opcode == OP_RAW)
    payload = payload_copy((struct slice){text, length});
  else if (length >= BORROWED_TEXT) {
    payload = borrow_text(script, L, index, (enum opcode)opcode);
  } else {
    payload = framed_copy((enum opcode)opcode, text, length);
  }
  if (!payload) luaL_error(L, "out of memory");
  return payload;
}

void message_note_received(struct script *script, lua_State *L) {
  if (lua_objlen(L, -1) <= SHORT_TEXT) return;
  script->known_utf8 = lua_tostring(L, -1);
  lua_pushvalue(L, -1);
  lua_rawseti(L, LUA_REGISTRYINDEX, script->known_text);
}

static void clear_slot(lua_State *L, int slot) {
  lua_pushboolean(L, 0);
  lua_rawseti(L, LUA_REGISTRYINDEX, slot);
}

void message_forget(struct script *script) {
  struct last_sent *last = &script->last_sent;
  if (last->payload) payload_drop(last->payload);
  *last = (struct last_sent){0};
  script->known_utf8 = NULL;
  if (script->last_text) clear_slot(script->L, script->last_text);
  if (script->known_text) clear_slot(script->L, script->known_text);
}

/* A short text is compared by its bytes, which stand at the payload's end: that
 * is cheaper than holding the string, which a long one needs so that its
 * pointer stays its own. */
static bool is_last_sent(const struct last_sent *last, const char *text,
                         size_t length, int opcode) {
  if (last->length != length || last->opcode != opcode || !last->payload) {
    return false;
  }
  if (length > SHORT_TEXT) return last->text == text;
  const struct payload *payload = last->payload;
  const uint8_t *bytes = payload->head + (payload->head_length - length);
  return memcmp(bytes, text, length) == 0;
}

struct payload *message_payload(struct script *script, lua_State *L, int index,
                                int opcode) {
  struct last_sent *last = &script->last_sent;
  size_t length;
  const char *text = lua_tolstring(L, index, &length);
  if (!text) {
    luaL_typerror(L, index, "string");
    return NULL;
  }
  if (is_last_sent(last, text, length, opcode)) return last->payload;
  struct payload *payload = make_payload(script, L, index, opcode);
  if (last->payload) payload_drop(last->payload);
  *last = (struct last_sent){text, length, opcode, payload};
  if (length > SHORT_TEXT) {
    lua_pushvalue(L, index);
    lua_rawseti(L, LUA_REGISTRYINDEX, script->last_text);
  }
  return payload;
}
