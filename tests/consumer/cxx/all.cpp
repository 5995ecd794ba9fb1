// SPDX-License-Identifier: MIT
// A kernel in C++: every public header, and a call of each family from inside a namespace.
#include <quarry/quarry.h>

namespace kernel
{
class buffer
{
      public:
	explicit buffer(unsigned order) : order_(order), page_(alloc_pages(GFP_KERNEL, order))
	{
	}
	~buffer()
	{
		if (page_)
			__free_pages(page_, order_);
	}
	void *data() const
	{
		return page_ ? page_address(page_) : nullptr;
	}

      private:
	unsigned order_;
	struct page *page_;
};
} // namespace kernel

extern "C" int cxx_main(void);
extern "C" int cxx_main(void)
{
	kernel::buffer buffer(2);
	void *object = kmalloc(64, GFP_ATOMIC);
	bool good = buffer.data() && object;
	kfree(object);
	return good ? 0 : 1;
}
