/* SPDX-License-Identifier: MIT */
/*
 * list.h: intrusive doubly linked lists. A head is a link that points to itself when the list is
 * empty. Unlinked links are NULL on both sides, so using one again faults instead of corrupting.
 */
#ifndef QUARRY_MM_LIST_H
#define QUARRY_MM_LIST_H

#include <quarry/types.h>

#define list_entry(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))
#define list_for_each(pos, head)                                                                   \
	for (struct quarry_list *pos = (head)->next; pos != (head); pos = pos->next)
#define list_for_each_safe(pos, tmp, head)                                                         \
	for (struct quarry_list *pos = (head)->next, *tmp = pos->next; pos != (head);              \
	     pos = tmp, tmp = pos->next)

static inline void list_init(struct quarry_list *head)
{
	head->next = head->prev = head;
}
static inline bool list_empty(const struct quarry_list *head)
{
	return head->next == head;
}
static inline void list_insert_between(struct quarry_list *link, struct quarry_list *prev,
				       struct quarry_list *next)
{
	link->next = next;
	link->prev = prev;
	prev->next = link;
	next->prev = link;
}
static inline void list_add(struct quarry_list *link, struct quarry_list *head)
{
	list_insert_between(link, head, head->next);
}
static inline void list_add_tail(struct quarry_list *link, struct quarry_list *head)
{
	list_insert_between(link, head->prev, head);
}
static inline void list_del(struct quarry_list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->next = link->prev = NULL;
}
static inline struct quarry_list *list_first(const struct quarry_list *head)
{
	return head->next == head ? NULL : head->next;
}

#endif
