/* SPDX-License-Identifier: MIT */
/* show_mem.h: what every zone holds, in one line each, for the log when a request fails. */
#ifndef QUARRY_MM_PHYS_SHOW_MEM_H
#define QUARRY_MM_PHYS_SHOW_MEM_H

#include "mm/phys/freepage.h"

/* Log why `request` failed: its mask, then each zone that it may use. Context: any; no lock held.
 * */
void show_mem_failure(const struct page_request *request) QUARRY_INT(show_mem_failure);

#endif
