/*
 * list - a circular, doubly linked list whose links live in the listed things.
 * It owns nothing and allocates nothing. A link that is in no list points to
 * itself, so it may be removed twice.
 */
#ifndef RATCHET_BASE_LIST_H
#define RATCHET_BASE_LIST_H

#include "owner.h"

#include <stdbool.h>
#include <stddef.h>

struct list {
  struct list *next, *prev;
};

static inline void list_init(struct list *list) {
  list->next = list->prev = list;
}

static inline bool list_is_empty(const struct list *list) {
  return list->next == list;
}

static inline void list_remove(struct list *link) {
  link->prev->next = link->next;
  link->next->prev = link->prev;
  list_init(link);
}

/* `link` must be in no list. */
static inline void list_append(struct list *list, struct list *link) {
  link->prev = list->prev;
  link->next = list;
  list->prev->next = link;
  list->prev = link;
}

/* Takes the first link out; NULL when there is none. */
static inline struct list *list_take_first(struct list *list) {
  struct list *first = list->next;
  if (first == list) return NULL;
  list_remove(first);
  return first;
}

/* Moves all links from `from` to the end of `to`, in order. */
static inline void list_move_all(struct list *to, struct list *from) {
  if (list_is_empty(from)) return;
  from->next->prev = to->prev;
  to->prev->next = from->next;
  from->prev->next = to;
  to->prev = from->prev;
  list_init(from);
}

#endif
