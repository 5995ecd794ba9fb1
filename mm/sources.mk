# SPDX-License-Identifier: MIT
# Source list for make, in layer order; made from meson.build by tests/lint/lists.py --write.
#
# Set QUARRY (path of this repository) and QUARRY_CPU (x86_64 or riscv64), include this file, then
# compile $(QUARRY_SOURCES) with $(QUARRY_INCLUDES) and your kernel's own flags.

QUARRY_COMMON := \
	mm/base/log.c \
	mm/base/cpu.c \
	mm/base/fault.c \
	mm/gfp/gfp.c \
	mm/gfp/context.c \
	mm/gfp/scope.c \
	mm/gfp/ladder.c \
	mm/boot/memmap.c \
	mm/boot/memmap_efi.c \
	mm/boot/memmap_limine.c \
	mm/boot/plan.c \
	mm/boot/memblock.c \
	mm/phys/zone.c \
	mm/phys/watermark.c \
	mm/phys/page_array.c \
	mm/phys/pageblock.c \
	mm/phys/page.c \
	mm/phys/page_tag.c \
	mm/phys/extent.c \
	mm/phys/free_list.c \
	mm/phys/buddy.c \
	mm/phys/isolate.c \
	mm/phys/fragindex.c \
	mm/phys/retire.c \
	mm/phys/deferred.c \
	mm/phys/pcp.c \
	mm/phys/tunables.c \
	mm/phys/freepage.c \
	mm/phys/capture.c \
	mm/phys/nolock.c \
	mm/phys/zone_info.c \
	mm/phys/zone_check.c \
	mm/reclaim/migrate.c \
	mm/reclaim/collect.c \
	mm/reclaim/shrinker.c \
	mm/reclaim/reclaim.c \
	mm/reclaim/compact_zone.c \
	mm/reclaim/compact.c \
	mm/reclaim/pressure.c \
	mm/reclaim/kswapd.c \
	mm/reclaim/oom.c \
	mm/page/failure.c \
	mm/page/slowpath.c \
	mm/page/explain.c \
	mm/page/page_alloc.c \
	mm/page/page_nolock.c \
	mm/page/page_bulk.c \
	mm/page/evacuate.c \
	mm/page/contig.c \
	mm/page/page_list.c \
	mm/page/page_frag.c \
	mm/slab/slab_wipe.c \
	mm/slab/slab_debug.c \
	mm/slab/slab_guard.c \
	mm/slab/stock.c \
	mm/slab/class_hint.c \
	mm/slab/slab_page.c \
	mm/slab/alloc_tag.c \
	mm/slab/cache_list.c \
	mm/slab/partial.c \
	mm/slab/rcu_slab.c \
	mm/slab/depot.c \
	mm/slab/cellar.c \
	mm/slab/cpu_cache.c \
	mm/slab/idle.c \
	mm/slab/debug_cache.c \
	mm/slab/free_later.c \
	mm/slab/slab.c \
	mm/slab/slab_cache.c \
	mm/slab/cache_create.c \
	mm/slab/slab_check.c \
	mm/slab/slab_sites.c \
	mm/slab/kmalloc.c \
	mm/slab/kmalloc_nolock.c \
	mm/slab/bulk.c \
	mm/slab/sheaf.c \
	mm/vmap/pgtable.c \
	mm/vmap/vmap_chunk.c \
	mm/vmap/vmap_dir.c \
	mm/vmap/vmap_room.c \
	mm/vmap/vmap_area.c \
	mm/vmap/vmap_walk.c \
	mm/vmap/vmap_park.c \
	mm/vmap/vmap_flush.c \
	mm/vmap/vmap_map.c \
	mm/vmap/vmap_protect.c \
	mm/vmap/vmap.c \
	mm/vmap/area_tag.c \
	mm/vmap/vmap_start.c \
	mm/vmap/ioremap.c \
	mm/vmap/vm_area.c \
	mm/vmap/vmalloc.c \
	mm/vmap/execmem.c \
	mm/vmap/kvmalloc.c \
	mm/vmap/vmap_given.c \
	mm/ext/kmemdup.c \
	mm/ext/kasprintf.c \
	mm/ext/buckets.c \
	mm/ext/memdup_user.c \
	mm/ext/kfree_rcu.c \
	mm/ext/usercopy.c \
	mm/ext/cma.c \
	mm/ext/percpu.c \
	mm/ext/shrinker_alloc.c \
	mm/ext/list_lru.c \
	mm/report/sysinfo.c \
	mm/report/buddyinfo.c \
	mm/report/pagetypeinfo.c \
	mm/report/extfrag.c \
	mm/report/vmstat.c \
	mm/report/show_machine.c \
	mm/report/zoneinfo.c \
	mm/report/meminfo.c \
	mm/report/slabinfo.c \
	mm/report/validate.c \
	mm/report/vmallocinfo.c \
	mm/report/frame.c \
	mm/report/objects.c \
	mm/report/pagemap.c \
	mm/report/features.c \
	mm/report/memtest.c \
	mm/report/selftest.c \
	mm/init.c

QUARRY_ARCH_x86_64 := \
	arch/x86_64/memmap.c \
	arch/x86_64/tlb.c

QUARRY_ARCH_riscv64 := \
	arch/riscv64/memmap.c \
	arch/riscv64/tlb.c

QUARRY_SOURCES := $(addprefix $(QUARRY)/,$(QUARRY_ARCH_$(QUARRY_CPU)) $(QUARRY_COMMON))
QUARRY_INCLUDES := -I$(QUARRY)/include -I$(QUARRY)/arch/$(QUARRY_CPU)/include -I$(QUARRY)
