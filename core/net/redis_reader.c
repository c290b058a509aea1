#include "redis_reader.h"

#include "base/mem.h"

#include <hiredis/hiredis.h>
#include <string.h>

static size_t size_for(size_t text) {
  size_t size = offsetof(struct redis_value, text) + text;
  return size < sizeof(struct redis_value) ? sizeof(struct redis_value) : size;
}

static void free_value(void *value) {
  struct redis_value *first = value;
  if (!first) return;
  while (first->kind == REDIS_LIST && first->first) {
    struct redis_value *member = first->first;
    first->first = member->next;
    free_value(member); /* REDIS_NESTED_MAX deep at most */
  }
  mem_free(first);
}

static void *fail(struct redis_reader *reader, const char *failure) {
  if (!reader->failure) reader->failure = failure;
  return NULL;
}

/* A value with room for `text` bytes, in its place in the list around it. */
static struct redis_value *new_value(const redisReadTask *task,
                                     enum redis_kind kind, size_t text) {
  struct redis_reader *reader = task->privdata;
  /* `text` may be any number that a server has written */
  if (text > reader->max_size - reader->size ||
      size_for(text) > reader->max_size - reader->size) {
    return fail(reader, "a reply is larger than maxReplySize");
  }
  struct redis_value *value = mem_alloc(size_for(text));
  if (!value) return fail(reader, "out of memory");
  reader->size += size_for(text);
  value->kind = kind;
  value->length = text;
  value->next = NULL;
  if (!task->parent) return value;
  struct redis_value *list = task->parent->obj;
  if (list->first)
    list->last->next = value;
  else
    list->first = value;
  list->last = value;
  list->length++;
  return value;
}

static void *create_string(const redisReadTask *task, char *text,
                           size_t length) {
  enum redis_kind kind = REDIS_TEXT;
  if (task->type == REDIS_REPLY_STATUS)
    kind = REDIS_STATUS;
  else if (task->type == REDIS_REPLY_ERROR)
    kind = REDIS_FAULT;
  else if (task->type != REDIS_REPLY_STRING)
    return fail(task->privdata, "a reply of RESP3, which was not asked for");
  struct redis_value *value = new_value(task, kind, length);
  if (value) memcpy(value->text, text, length);
  return value;
}

static bool is_too_deep(const redisReadTask *task) {
  int depth = 1;
  for (; task->parent; task = task->parent) depth++;
  return depth > REDIS_NESTED_MAX;
}

static void *create_list(const redisReadTask *task) {
  if (task->type != REDIS_REPLY_ARRAY) {
    return fail(task->privdata, "a reply of RESP3, which was not asked for");
  }
  if (is_too_deep(task)) {
    return fail(task->privdata, "a reply is nested too deeply");
  }
  struct redis_value *value = new_value(task, REDIS_LIST, 0);
  if (value) value->first = value->last = NULL;
  return value;
}

/* How many members are announced is not believed: they are counted as they
 * come. */
#if HIREDIS_MAJOR >= 1
static void *create_array(const redisReadTask *task, size_t announced) {
  (void)announced;
  return create_list(task);
}

static void *create_double(const redisReadTask *task, double number, char *text,
                           size_t length) {
  (void)number, (void)text, (void)length;
  return fail(task->privdata, "a reply of RESP3, which was not asked for");
}

static void *create_bool(const redisReadTask *task, int is_true) {
  (void)is_true;
  return fail(task->privdata, "a reply of RESP3, which was not asked for");
}
#else
static void *create_array(const redisReadTask *task, int announced) {
  (void)announced;
  return create_list(task);
}
#endif

static void *create_integer(const redisReadTask *task, long long integer) {
  struct redis_value *value = new_value(task, REDIS_INTEGER, 0);
  if (value) value->integer = integer;
  return value;
}

static void *create_nothing(const redisReadTask *task) {
  return new_value(task, REDIS_NOTHING, 0);
}

static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nothing,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
    .freeObject = free_value,
};

bool redis_reader_init(struct redis_reader *reader, size_t max_size) {
  *reader = (struct redis_reader){.max_size = max_size};
  reader->parser = redisReaderCreateWithFunctions(&functions);
  if (!reader->parser) return false;
  reader->parser->privdata = reader;
  return true;
}

static void let_go(struct redis_reader *reader) {
  free_value(reader->taken);
  reader->taken = NULL;
}

bool redis_reader_feed(struct redis_reader *reader, const void *bytes,
                       size_t length) {
  if (reader->failure) return false;
  if (redisReaderFeed(reader->parser, bytes, length) == REDIS_OK) return true;
  fail(reader, "out of memory");
  return false;
}

/* The parser keeps what is not whole yet; that must not grow for ever. */
static void check_rest(struct redis_reader *reader) {
  const redisReader *parser = reader->parser;
  size_t rest = parser->len - parser->pos;
  if (rest <= REDIS_LINE_MAX) return;
  if (!memmem(parser->buf + parser->pos, REDIS_LINE_MAX, "\r\n", 2)) {
    fail(reader, "a line of a reply does not end");
  } else if (rest - REDIS_LINE_MAX > reader->max_size) {
    fail(reader, "a reply is larger than maxReplySize");
  }
}

const struct redis_value *redis_reader_take(struct redis_reader *reader) {
  void *value = NULL;
  let_go(reader);
  if (reader->failure) return NULL;
  if (redisReaderGetReply(reader->parser, &value) != REDIS_OK) {
    fail(reader, reader->parser->errstr);
    return NULL;
  }
  if (!value) {
    check_rest(reader);
    return NULL;
  }
  reader->size = 0;
  reader->taken = value;
  return value;
}

void redis_reader_free(struct redis_reader *reader) {
  let_go(reader);
  if (reader->parser) redisReaderFree(reader->parser);
  reader->parser = NULL;
}

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

const char *redis_library(void) {
  return TEXT(HIREDIS_MAJOR) "." TEXT(HIREDIS_MINOR) "." TEXT(HIREDIS_PATCH);
}
