/* SPDX-License-Identifier: MIT */
/* decoded.h: a page-table entry as an independent reader of a format sees it. */
#ifndef DECODED_H
#define DECODED_H

struct decoded {
	bool present, leaf, write, exec, global, accessed, dirty, user;
	unsigned caching; /* a bit of QUARRY_PROT_CACHING or 0 */
	uint64_t phys;
	unsigned group; /* entries that are this leaf together; 0: it is one alone */
};

#endif
