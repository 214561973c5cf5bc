/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints of the transitions: ownership, start, stop, errors, workers. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ferry

#if !defined(FERRY_VHOST_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FERRY_VHOST_TRACE_H

#include <linux/tracepoint.h>

#include "vhost.h"

DECLARE_EVENT_CLASS(ferry_dev,
	TP_PROTO(const struct ferry_dev *dev),
	TP_ARGS(dev),
	TP_STRUCT__entry(
		__field(u32, dev)
		__array(char, kind, 8)
		__field(pid_t, owner)
	),
	TP_fast_assign(
		__entry->dev = dev->id;
		strscpy(__entry->kind, dev->ops->kind, sizeof(__entry->kind));
		__entry->owner = dev->owner;
	),
	TP_printk("dev=%u kind=%s owner=%d", __entry->dev, __entry->kind, __entry->owner)
);

DEFINE_EVENT(ferry_dev, ferry_dev_own,
	TP_PROTO(const struct ferry_dev *dev), TP_ARGS(dev));
DEFINE_EVENT(ferry_dev, ferry_dev_disown,
	TP_PROTO(const struct ferry_dev *dev), TP_ARGS(dev));

DECLARE_EVENT_CLASS(ferry_vq,
	TP_PROTO(const struct ferry_vq *vq),
	TP_ARGS(vq),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__field(u32, num)
		__field(u64, features)
		__field(u32, base)
	),
	TP_fast_assign(
		__entry->dev = vq->dev->id;
		__entry->queue = vq->index;
		__entry->num = vq->cfg.num;
		__entry->features = vq->cfg.features;
		__entry->base = vq->cfg.avail;
	),
	TP_printk("dev=%u queue=%u num=%u features=0x%llx base=%u", __entry->dev,
		  __entry->queue, __entry->num, __entry->features, __entry->base)
);

DEFINE_EVENT(ferry_vq, ferry_vq_start, TP_PROTO(const struct ferry_vq *vq), TP_ARGS(vq));
DEFINE_EVENT(ferry_vq, ferry_vq_stop, TP_PROTO(const struct ferry_vq *vq), TP_ARGS(vq));

TRACE_EVENT(ferry_vq_error,
	TP_PROTO(const struct ferry_vq *vq, struct va_format *what),
	TP_ARGS(vq, what),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, queue)
		__array(char, what, 64)
	),
	TP_fast_assign(
		__entry->dev = vq->dev->id;
		__entry->queue = vq->index;
		snprintf(__entry->what, sizeof(__entry->what), "%pV", what);
	),
	TP_printk("dev=%u queue=%u: %s", __entry->dev, __entry->queue, __entry->what)
);

TRACE_EVENT(ferry_worker_create,
	TP_PROTO(const struct ferry_dev *dev, u32 worker, pid_t pid),
	TP_ARGS(dev, worker, pid),
	TP_STRUCT__entry(
		__field(u32, dev)
		__field(u32, worker)
		__field(pid_t, pid)
	),
	TP_fast_assign(
		__entry->dev = dev->id;
		__entry->worker = worker;
		__entry->pid = pid;
	),
	TP_printk("dev=%u worker=%u pid=%d", __entry->dev, __entry->worker, __entry->pid)
);

#endif /* FERRY_VHOST_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
