// SPDX-License-Identifier: GPL-2.0
/*
 * Role: a virtio device's registers on PCI. Follows the virtio specification 1.3,
 *	"Virtio Over PCI Bus". BAR 0 holds everything:
 *
 *	0x0000 common configuration	0x1000 ISR
 *	0x2000 device configuration	0x3000 notifications, 4 bytes a queue
 *	0x4000 MSI-X pending bits	0x8000 MSI-X table
 *
 *	BAR 1 is the same notifications by ports, which a driver prefers: to carry out a
 *	guest's write to memory KVM may have to decode an instruction, but not for an OUT.
 *
 * Threads: main while building and resetting, vCPUs after. Notifications do not
 *	come here: each queue has ioeventfds on its 4 bytes and its 4 ports.
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include "pci.h"

#include <errno.h>
#include <linux/kvm.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define VP_BAR_SIZE	0x10000U
#define VP_COMMON	0x0000U
#define VP_ISR		0x1000U
#define VP_DEVICE	0x2000U
#define VP_NOTIFY	0x3000U
#define VP_REGION	0x1000U
#define VP_MSIX_PBA	0x4000U
#define VP_MSIX_TABLE	0x8000U
#define VP_NOTIFY_SIZE	4U

#define VP_VENDOR	0x1af4
#define VP_DEVICE_BASE	0x1040
#define VP_SUBSYSTEM	0x1100

/* The snapshot that reads of the common configuration are answered from. */
static void vp_common(const struct virtio_pci *p, struct virtio_pci_common_cfg *c)
{
	const struct virtio_dev *v = p->v;
	const struct virtq *q;

	memset(c, 0, sizeof(*c));
	c->device_feature_select = p->device_feature_select;
	if (p->device_feature_select < 2)
		c->device_feature = v->offered >> (32 * p->device_feature_select);
	c->guest_feature_select = p->driver_feature_select;
	if (p->driver_feature_select < 2)
		c->guest_feature = v->acked >> (32 * p->driver_feature_select);
	c->msix_config = p->config_vector;
	c->num_queues = v->n_queues;
	c->device_status = v->status;
	c->config_generation = v->generation;
	c->queue_select = p->queue_select;
	if (p->queue_select >= v->n_queues)
		return;
	q = &v->queue[p->queue_select];
	c->queue_size = q->size;
	c->queue_msix_vector = p->queue_vector[p->queue_select];
	c->queue_enable = q->enabled;
	c->queue_notify_off = p->queue_select;
	c->queue_desc_lo = q->desc;
	c->queue_desc_hi = q->desc >> 32;
	c->queue_avail_lo = q->driver;
	c->queue_avail_hi = q->driver >> 32;
	c->queue_used_lo = q->device;
	c->queue_used_hi = q->device >> 32;
}

static u64 vp_common_read(struct virtio_pci *p, u64 off, unsigned int size)
{
	struct virtio_pci_common_cfg c;
	u64 val = 0;

	if (off + size > sizeof(c))
		return 0;
	vp_common(p, &c);
	memcpy(&val, (u8 *)&c + off, size);
	return val;
}

static u16 vp_vector(const struct virtio_pci *p, u16 vector)
{
	return vector < p->msix.n_vectors ? vector : VIRTIO_MSI_NO_VECTOR;
}

/* Have an ioeventfd of queue @i at @to, 0 for nowhere, instead of at @at. */
static void vp_move_ioeventfd(struct virtio_pci *p, unsigned int i, u64 *at, u64 to, u32 flags)
{
	const struct kvm *k = &p->v->m->kvm;
	int fd = p->v->queue[i].kick_fd;

	if (to == *at)
		return;
	if (*at)
		kvm_ioeventfd(k, *at, flags | KVM_IOEVENTFD_FLAG_DEASSIGN, fd);
	/* If KVM refuses, the write comes to vp_notified(), which kicks as well. */
	*at = to && !kvm_ioeventfd(k, to, flags, fd) ? to : 0;
}

/* By what the BARs and the queue are now. */
static void vp_set_ioeventfds(struct virtio_pci *p, unsigned int i)
{
	u64 memory = p->pci.bar_mapped, port = p->pci.ports_mapped, off = i * VP_NOTIFY_SIZE;
	bool enabled = p->v->queue[i].enabled;

	vp_move_ioeventfd(p, i, &p->notify[i].memory,
			  enabled && memory ? memory + VP_NOTIFY + off : 0, 0);
	vp_move_ioeventfd(p, i, &p->notify[i].port, enabled && port ? port + off : 0,
			  KVM_IOEVENTFD_FLAG_PIO);
}

static void vp_bars_moved(struct pci_dev *d)
{
	struct virtio_pci *p = container_of(d, struct virtio_pci, pci);
	unsigned int i;

	for (i = 0; i < p->v->n_queues; i++)
		vp_set_ioeventfds(p, i);
}

static void vp_enable_queue(struct virtio_pci *p, unsigned int i)
{
	if (p->v->running)
		return;
	if (virtio_enable_queue(p->v, i))
		vp_set_ioeventfds(p, i);
}

/* What a driver's reset undoes here, beside the device's own state. */
static void vp_driver_reset(struct virtio_pci *p)
{
	unsigned int i;

	virtio_reset(p->v);
	p->config_vector = VIRTIO_MSI_NO_VECTOR;
	msix_bind(&p->msix, p->v->n_queues, p->v->config_fd, VIRTIO_MSI_NO_VECTOR);
	for (i = 0; i < p->v->n_queues; i++) {
		vp_set_ioeventfds(p, i);
		p->queue_vector[i] = VIRTIO_MSI_NO_VECTOR;
		msix_bind(&p->msix, i, p->v->queue[i].call_fd, VIRTIO_MSI_NO_VECTOR);
	}
}

static void vp_set_status(struct virtio_pci *p, u8 status)
{
	if (status)
		virtio_set_status(p->v, status);
	else
		vp_driver_reset(p);
}

static void vp_set_lo(u64 *v, u32 val)
{
	*v = (*v & ~0xffffffffULL) | val;
}

static void vp_set_hi(u64 *v, u32 val)
{
	*v = (*v & 0xffffffffULL) | (u64)val << 32;
}

/* The fields of the selected queue; those of an enabled queue stay as they are. */
static void vp_queue_write(struct virtio_pci *p, u64 off, u32 val)
{
	unsigned int i = p->queue_select;
	struct virtq *q;

	if (i >= p->v->n_queues)
		return;
	q = &p->v->queue[i];
	if (off == VIRTIO_PCI_COMMON_Q_MSIX) {
		p->queue_vector[i] = vp_vector(p, val);
		msix_bind(&p->msix, i, q->call_fd, p->queue_vector[i]);
		return;
	}
	if (q->enabled)
		return;
	switch (off) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		q->size = val;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (val == 1)
			vp_enable_queue(p, i);
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		vp_set_lo(&q->desc, val);
		break;
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		vp_set_hi(&q->desc, val);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		vp_set_lo(&q->driver, val);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		vp_set_hi(&q->driver, val);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		vp_set_lo(&q->device, val);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		vp_set_hi(&q->device, val);
		break;
	}
}

static void vp_ack_features(struct virtio_pci *p, u32 val)
{
	struct virtio_dev *v = p->v;

	if (p->driver_feature_select >= 2 || v->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	if (p->driver_feature_select)
		vp_set_hi(&v->acked, val);
	else
		vp_set_lo(&v->acked, val);
}

static void vp_common_write(struct virtio_pci *p, u64 off, u64 val, unsigned int size)
{
	/* A 64-bit field may be written whole. */
	if (size == 8 && (off == VIRTIO_PCI_COMMON_Q_DESCLO ||
			  off == VIRTIO_PCI_COMMON_Q_AVAILLO ||
			  off == VIRTIO_PCI_COMMON_Q_USEDLO)) {
		vp_queue_write(p, off, val);
		vp_queue_write(p, off + 4, val >> 32);
		return;
	}
	switch (off) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		p->device_feature_select = val;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		p->driver_feature_select = val;
		break;
	case VIRTIO_PCI_COMMON_GF:
		vp_ack_features(p, val);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		p->config_vector = vp_vector(p, val);
		msix_bind(&p->msix, p->v->n_queues, p->v->config_fd, p->config_vector);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		vp_set_status(p, val);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		p->queue_select = val;
		break;
	default:
		vp_queue_write(p, off, val);
	}
}

static u64 vp_device_read(struct virtio_pci *p, u64 off, unsigned int size)
{
	u64 val = 0;

	if (off + size <= p->v->config_size)
		p->v->ops->config_read(p->v, off, &val, size);
	return val;
}

static void vp_device_write(struct virtio_pci *p, u64 off, u64 val, unsigned int size)
{
	if (off + size <= p->v->config_size && p->v->ops->config_write)
		p->v->ops->config_write(p->v, off, &val, size);
}

static u64 vp_bar_read(struct pci_dev *d, u64 off, unsigned int size)
{
	struct virtio_pci *p = container_of(d, struct virtio_pci, pci);
	u64 val = 0;

	if (msix_bar_read(&p->msix, off, size, &val))
		return val;
	switch (off / VP_REGION) {
	case VP_COMMON / VP_REGION:
		return vp_common_read(p, off - VP_COMMON, size);
	case VP_ISR / VP_REGION:
		val = p->v->isr;
		p->v->isr = 0;
		return val;
	case VP_DEVICE / VP_REGION:
		return vp_device_read(p, off - VP_DEVICE, size);
	}
	return 0;
}

/* What no ioeventfd took. */
static void vp_notified(struct virtio_pci *p, u64 off)
{
	u64 queue = off / VP_NOTIFY_SIZE;

	if (queue < p->v->n_queues)
		eventfd_write(p->v->queue[queue].kick_fd, 1);
}

static void vp_port_write(struct pci_dev *d, u32 off, u32 val, unsigned int size)
{
	(void)val, (void)size;
	vp_notified(container_of(d, struct virtio_pci, pci), off);
}

static void vp_bar_write(struct pci_dev *d, u64 off, u64 val, unsigned int size)
{
	struct virtio_pci *p = container_of(d, struct virtio_pci, pci);

	if (msix_bar_write(&p->msix, off, val, size))
		return;
	switch (off / VP_REGION) {
	case VP_COMMON / VP_REGION:
		vp_common_write(p, off - VP_COMMON, val, size);
		break;
	case VP_DEVICE / VP_REGION:
		vp_device_write(p, off - VP_DEVICE, val, size);
		break;
	case VP_NOTIFY / VP_REGION:
		vp_notified(p, off - VP_NOTIFY);
		break;
	}
}

/* The window's own fields; 0 if they name no access inside the BAR. */
static unsigned int vp_window(const struct virtio_pci *p, u32 *off)
{
	u32 len = pci_get32(&p->pci, p->window_cap + offsetof(struct virtio_pci_cap, length));
	u8 bar = p->pci.config[p->window_cap + offsetof(struct virtio_pci_cap, bar)];

	*off = pci_get32(&p->pci, p->window_cap + offsetof(struct virtio_pci_cap, offset));
	if (bar || (len != 1 && len != 2 && len != 4))
		return 0;
	return *off <= VP_BAR_SIZE - len && !(*off & (len - 1)) ? len : 0;
}

static u32 vp_window_data(const struct virtio_pci *p)
{
	return p->window_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
}

static bool vp_config_read(struct pci_dev *d, u32 off, unsigned int size, u32 *val)
{
	struct virtio_pci *p = container_of(d, struct virtio_pci, pci);
	u32 at;

	if (off != vp_window_data(p) || vp_window(p, &at) != size)
		return false;
	*val = vp_bar_read(d, at, size);
	return true;
}

static void vp_config_written(struct pci_dev *d, u32 off, unsigned int size)
{
	struct virtio_pci *p = container_of(d, struct virtio_pci, pci);
	u32 at;

	if (off < (u32)p->msix.cap + PCI_CAP_MSIX_SIZEOF && off + size > p->msix.cap)
		msix_config_written(&p->msix);
	if (off == vp_window_data(p) && vp_window(p, &at) == size) {
		u32 val = pci_get32(d, vp_window_data(p));

		vp_bar_write(d, at, size == 4 ? val : val & ((1U << 8 * size) - 1), size);
	}
}

static const struct pci_ops vp_pci_ops = {
	.bar_read = vp_bar_read,
	.bar_write = vp_bar_write,
	.port_write = vp_port_write,
	.bars_moved = vp_bars_moved,
	.config_read = vp_config_read,
	.config_written = vp_config_written,
};

static u8 vp_add_cap(struct pci_dev *d, u8 type, u32 off, u32 len, u8 size)
{
	u8 at = pci_add_cap(d, PCI_CAP_ID_VNDR, size);

	d->config[at + offsetof(struct virtio_pci_cap, cap_len)] = size;
	d->config[at + offsetof(struct virtio_pci_cap, cfg_type)] = type;
	pci_set32(d, at + offsetof(struct virtio_pci_cap, offset), off);
	pci_set32(d, at + offsetof(struct virtio_pci_cap, length), len);
	return at;
}

static void vp_add_notify_cap(struct virtio_pci *p, u8 bar, u32 off)
{
	struct pci_dev *d = &p->pci;
	u8 at = vp_add_cap(d, VIRTIO_PCI_CAP_NOTIFY_CFG, off, p->v->n_queues * VP_NOTIFY_SIZE,
			   sizeof(struct virtio_pci_notify_cap));

	d->config[at + offsetof(struct virtio_pci_cap, bar)] = bar;
	pci_set32(d, at + offsetof(struct virtio_pci_notify_cap, notify_off_multiplier),
		  VP_NOTIFY_SIZE);
}

/* Of two capabilities of a kind a driver takes the first that it can use. */
static void vp_add_notify_caps(struct virtio_pci *p)
{
	u32 size = p->v->n_queues * VP_NOTIFY_SIZE, ports = VP_NOTIFY_SIZE;

	while (ports < size)
		ports *= 2;
	if (ports <= PCI_PORTS_MAX) {
		pci_add_ports(&p->pci, ports);
		vp_add_notify_cap(p, 1, 0);
	}
	vp_add_notify_cap(p, 0, VP_NOTIFY);
}

static void vp_add_caps(struct virtio_pci *p)
{
	struct pci_dev *d = &p->pci;
	u8 at;

	vp_add_cap(d, VIRTIO_PCI_CAP_COMMON_CFG, VP_COMMON,
		   sizeof(struct virtio_pci_common_cfg), sizeof(struct virtio_pci_cap));
	vp_add_cap(d, VIRTIO_PCI_CAP_ISR_CFG, VP_ISR, 1, sizeof(struct virtio_pci_cap));
	if (p->v->config_size)
		vp_add_cap(d, VIRTIO_PCI_CAP_DEVICE_CFG, VP_DEVICE, p->v->config_size,
			   sizeof(struct virtio_pci_cap));
	vp_add_notify_caps(p);
	at = vp_add_cap(d, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, sizeof(struct virtio_pci_cfg_cap));
	p->window_cap = at;
	memset(d->writable + at + offsetof(struct virtio_pci_cap, offset), 0xff, 12);
	d->writable[at + offsetof(struct virtio_pci_cap, bar)] = 0xff;
}

int virtio_pci_init(struct virtio_pci *p, struct virtio_dev *v, struct pci_bus *b,
		    const struct virtio_pci_config *cfg, struct error *e)
{
	const struct pci_ids ids = {
		.vendor = VP_VENDOR,
		.device = VP_DEVICE_BASE + v->type,
		.subsystem_vendor = VP_VENDOR,
		.subsystem = VP_SUBSYSTEM,
		.revision = 1,
		.class_code = v->class_code,
	};
	int ret;

	*p = (struct virtio_pci){ .v = v };
	if (v->n_queues * VP_NOTIFY_SIZE > VP_REGION)
		return error_set(e, EINVAL, "%s has too many queues", cfg->name);
	p->queue_vector = calloc(v->n_queues, sizeof(*p->queue_vector));
	p->notify = calloc(v->n_queues, sizeof(*p->notify));
	if (!p->queue_vector || !p->notify)
		return error_errno(e, ENOMEM, "%s", cfg->name);
	pci_dev_init(&p->pci, &vp_pci_ops, &ids, VP_BAR_SIZE);
	ret = msix_init(&p->msix, b->m, &p->pci, VP_MSIX_TABLE, VP_MSIX_PBA, cfg->vectors,
			v->n_queues + 1, e);
	if (ret)
		return ret;
	vp_add_caps(p);
	vp_driver_reset(p);
	return pci_plug(b, &p->pci, cfg->addr, cfg->name, e);
}

void virtio_pci_reset(struct virtio_pci *p)
{
	vp_driver_reset(p);
	msix_reset(&p->msix);
	p->device_feature_select = 0;
	p->driver_feature_select = 0;
	p->queue_select = 0;
}

void virtio_pci_destroy(struct virtio_pci *p)
{
	unsigned int i;

	pci_unplug(&p->pci);
	for (i = 0; p->notify && i < p->v->n_queues; i++) {
		vp_move_ioeventfd(p, i, &p->notify[i].memory, 0, 0);
		vp_move_ioeventfd(p, i, &p->notify[i].port, 0, KVM_IOEVENTFD_FLAG_PIO);
	}
	msix_destroy(&p->msix);
	free(p->queue_vector);
	free(p->notify);
	p->queue_vector = NULL;
	p->notify = NULL;
}
