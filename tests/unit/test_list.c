/* test_list - links in order, moved, and removed as often as one likes. */
#include "base/list.h"
#include "check.h"

#include <string.h>

struct item {
  char name;
  struct list link;
};

/* The names in order; checks the way back too. */
static const char *names(struct list *list) {
  static char forth[16];
  char back[16];
  size_t count = 0, backwards = 0;

  for (struct list *link = list->next; link != list; link = link->next) {
    forth[count++] = OWNER_OF(link, struct item, link)->name;
  }
  for (struct list *link = list->prev; link != list; link = link->prev) {
    back[backwards++] = OWNER_OF(link, struct item, link)->name;
  }
  forth[count] = '\0';
  if (!CHECK_EQ(count, backwards)) return forth;
  for (size_t i = 0; i < count; i++) CHECK(forth[i] == back[count - 1 - i]);
  return forth;
}

static void fill(struct list *list, struct item *items, size_t count,
                 char first) {
  list_init(list);
  for (size_t i = 0; i < count; i++) {
    items[i].name = (char)(first + (char)i);
    list_append(list, &items[i].link);
  }
}

TEST(list_keeps_the_order) {
  struct list list;
  struct item items[4];

  fill(&list, items, 0, 'a');
  CHECK(list_is_empty(&list));
  CHECK(list_take_first(&list) == NULL);
  fill(&list, items, 4, 'a');
  CHECK_TEXT(names(&list), "abcd");
  CHECK(list_take_first(&list) == &items[0].link);
  list_append(&list, &items[0].link);
  CHECK_TEXT(names(&list), "bcda");
}

TEST(list_links_may_be_removed_twice) {
  struct list list;
  struct item items[3];

  fill(&list, items, 3, 'a');
  list_remove(&items[1].link);
  list_remove(&items[1].link);
  CHECK(list_is_empty(&items[1].link));
  CHECK_TEXT(names(&list), "ac");
  list_remove(&items[0].link);
  list_remove(&items[2].link);
  list_remove(&items[2].link);
  CHECK_TEXT(names(&list), "");
  list_append(&list, &items[1].link);
  CHECK_TEXT(names(&list), "b");
}

TEST(list_link_that_was_taken_is_in_no_list) {
  struct list list;
  struct item items[2];

  fill(&list, items, 2, 'a');
  struct list *first = list_take_first(&list);
  CHECK(list_is_empty(first));
  list_remove(first);
  CHECK_TEXT(names(&list), "b");
}

static const char *moved(size_t to_count, size_t from_count) {
  struct list to, from;
  struct item items[8];

  fill(&to, items, to_count, 'a');
  fill(&from, items + 4, from_count, 'x');
  list_move_all(&to, &from);
  CHECK(list_is_empty(&from));
  return names(&to);
}

TEST(list_moves_all) {
  CHECK_TEXT(moved(0, 0), "");
  CHECK_TEXT(moved(0, 1), "x");
  CHECK_TEXT(moved(0, 3), "xyz");
  CHECK_TEXT(moved(2, 0), "ab");
  CHECK_TEXT(moved(1, 1), "ax");
  CHECK_TEXT(moved(3, 3), "abcxyz");
}
