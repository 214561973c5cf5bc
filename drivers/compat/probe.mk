# SPDX-License-Identifier: GPL-2.0
# What the kernel at hand lacks, found out by looking into its headers: a
# distribution backports, so that its version says nothing. Each probe names
# the kernel that made it unnecessary.

ferry-has = $(shell grep -qsE -- '$(2)' $(srctree)/include/$(1) && echo y)
ferry-lacks = $(if $(call ferry-has,$(1),$(2)),,-D$(3))

# 6.10: a vhost_task that tells of a fatal signal; without that there were some from 6.4 on.
ifeq ($(call ferry-has,linux/sched/vhost_task.h,handle_kill),)
FERRY_OWN_VHOST_TASK := y
ccflags-y += -DFERRY_KTHREAD_WORKERS
# In front of the kernel's own: one of another signature may be there.
LINUXINCLUDE := -I$(src)/drivers/compat/include $(LINUXINCLUDE)
endif
# 6.8: eventfd_signal() without a count.
ccflags-y += $(call ferry-lacks,linux/eventfd.h,eventfd_signal\(struct eventfd_ctx \*ctx\)$$,FERRY_EVENTFD_SIGNAL_COUNTS)
# 6.2: ITER_SOURCE and ITER_DEST.
ccflags-y += $(call ferry-lacks,linux/uio.h,ITER_SOURCE,FERRY_LACKS_ITER_SOURCE)
# 6.5: worker ioctls.
ccflags-y += $(call ferry-lacks,uapi/linux/vhost.h,VHOST_NEW_WORKER,FERRY_LACKS_WORKER_IOCTLS)
# 6.18: feature bits beyond 64.
ccflags-y += $(call ferry-lacks,uapi/linux/vhost.h,VHOST_GET_FEATURES_ARRAY,FERRY_LACKS_FEATURES_ARRAY)
# 6.17: whether a worker is forked from its owner can be asked and chosen.
ccflags-y += $(call ferry-lacks,uapi/linux/vhost.h,VHOST_SET_FORK_FROM_OWNER,FERRY_LACKS_FORK_FROM_OWNER)
# 6.19: no header in front of a frame handed to a tap by pointer.
ccflags-y += $(if $(call ferry-has,linux/if_tun.h,struct tun_xdp_hdr),-DFERRY_TUN_XDP_HDR)
# 6.13: a timer is set up with what it calls.
ccflags-y += $(call ferry-lacks,linux/hrtimer.h,hrtimer_setup.struct hrtimer \*timer,FERRY_LACKS_HRTIMER_SETUP)
# 7.0: a tap's queue must be woken by whoever drains its ring.
ccflags-y += $(call ferry-lacks,linux/if_tun.h,tun_wake_queue,FERRY_LACKS_TUN_WAKE_QUEUE)
# 6.11: poll queues are a feature in the queue's limits.
ccflags-y += $(if $(call ferry-has,linux/blkdev.h,define QUEUE_FLAG_POLL),-DFERRY_QUEUE_FLAG_POLL)
# 6.10: how often a large folio is mapped is counted.
ccflags-y += $(call ferry-lacks,linux/mm.h,folio_large_mapcount,FERRY_LACKS_LARGE_MAPCOUNT)
# 6.3: mounts map ids by an idmap.
ccflags-y += $(call ferry-lacks,linux/mount.h,mnt_idmap,FERRY_LACKS_MNT_IDMAP)
# 6.15: a name looked up is a qstr.
ccflags-y += $(call ferry-lacks,linux/namei.h,struct qstr \*name. struct dentry \*base,FERRY_LACKS_QSTR_LOOKUP)
# 6.19: directories are locked and looked up in one call.
ccflags-y += $(call ferry-lacks,linux/namei.h,end_creating\(struct dentry \*child\),FERRY_LACKS_START_CREATING)
# 6.2: access control lists have calls of their own.
ccflags-y += $(call ferry-lacks,linux/posix_acl.h,vfs_set_acl,FERRY_LACKS_VFS_SET_ACL)
# 7.0: the encoder of an access control list allocates.
ccflags-y += $(if $(call ferry-has,linux/posix_acl_xattr.h,int posix_acl_to_xattr),-DFERRY_ACL_BUFFER_GIVEN)
# 6.3: locks have a header of their own.
ccflags-y += $(call ferry-lacks,linux/filelock.h,struct file_lock,FERRY_LACKS_FILELOCK_H)
# 6.9: a lock has a core.
ccflags-y += $(call ferry-lacks,linux/filelock.h,struct file_lock_core,FERRY_FLAT_FILE_LOCK)
# 6.10: how many watch a file system, by what they may ask.
ccflags-y += $(call ferry-lacks,linux/fsnotify.h,fsnotify_sb_has_priority_watchers,FERRY_LACKS_PRIORITY_WATCHERS)
# 6.10: whether writes can be told not to wait is said by the file's operations.
ccflags-y += $(call ferry-lacks,linux/fs.h,define FOP_BUFFER_WASYNC,FERRY_LACKS_FOP_BUFFER_WASYNC)
# 6.8: writing to a file tells its file system.
ccflags-y += $(call ferry-lacks,linux/fs.h,file_write_started,FERRY_CALLER_STARTS_WRITE)
