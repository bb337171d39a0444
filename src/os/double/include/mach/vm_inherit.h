/* SPDX-License-Identifier: MIT
 *
 * <mach/vm_inherit.h> of macOS: what minherit() takes.
 */
#ifndef DOUBLE_MACH_VM_INHERIT_H
#define DOUBLE_MACH_VM_INHERIT_H

typedef unsigned vm_inherit_t;

#define VM_INHERIT_SHARE ((vm_inherit_t)0)
#define VM_INHERIT_COPY ((vm_inherit_t)1)
#define VM_INHERIT_NONE ((vm_inherit_t)2)

#endif
