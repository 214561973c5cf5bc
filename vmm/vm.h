/* SPDX-License-Identifier: GPL-2.0 */
/* A whole virtual machine: built, run and torn down here. */
#ifndef FERRY_VMM_VM_H
#define FERRY_VMM_VM_H

#include "options/config.h"

struct vm;

/* Told what the user should know though nothing failed; one line, any thread. */
typedef void (*vm_say)(const char *text);

/*
 * Build it; on failure everything that was built is gone again. @cfg is the VM's until it
 * is destroyed: hot plug changes what is in it.
 */
int vm_create(struct vm **vm, struct config *cfg, vm_say say, struct error *e);

/* Run until the guest, the user or a failure ends it; 0 or a negative errno. */
int vm_run(struct vm *vm, struct error *e);

void vm_destroy(struct vm *vm);

#endif /* FERRY_VMM_VM_H */
