#include "heap.h"

/* Two heaps as one; either may be NULL. What comes later becomes a child. */
static struct heap_node *join(const struct heap *heap, struct heap_node *a,
                              struct heap_node *b) {
  if (!a) return b;
  if (!b) return a;
  if (heap->is_before(b, a)) {
    struct heap_node *swap = a;
    a = b;
    b = swap;
  }
  b->prev = a;
  b->next = a->child;
  if (b->next) b->next->prev = b;
  a->child = b;
  a->next = a->prev = NULL;
  return a;
}

/* Takes a node and its successor out of a row of siblings. */
static struct heap_node *take_pair(const struct heap *heap,
                                   struct heap_node **row) {
  struct heap_node *a = *row, *b = a->next;
  *row = b ? b->next : NULL;
  a->next = a->prev = NULL;
  if (b) b->next = b->prev = NULL;
  return join(heap, a, b);
}

/* A row of siblings as one heap: pairs from left to right, then those from the
 * last to the first. Without recursion: a row can be long. */
static struct heap_node *join_row(const struct heap *heap,
                                  struct heap_node *row) {
  struct heap_node *pairs = NULL, *all = NULL;
  while (row) {
    struct heap_node *pair = take_pair(heap, &row);
    pair->next = pairs;
    pairs = pair;
  }
  while (pairs) {
    struct heap_node *pair = pairs;
    pairs = pair->next;
    pair->next = NULL;
    all = join(heap, all, pair);
  }
  return all;
}

void heap_insert(struct heap *heap, struct heap_node *node) {
  *node = (struct heap_node){0};
  heap->first = join(heap, heap->first, node);
}

static void cut(struct heap_node *node) {
  if (node->prev->child == node)
    node->prev->child = node->next;
  else
    node->prev->next = node->next;
  if (node->next) node->next->prev = node->prev;
}

void heap_remove(struct heap *heap, struct heap_node *node) {
  struct heap_node *rest = join_row(heap, node->child);
  if (node == heap->first) {
    heap->first = rest;
  } else {
    cut(node);
    heap->first = join(heap, heap->first, rest);
  }
  *node = (struct heap_node){0};
}
