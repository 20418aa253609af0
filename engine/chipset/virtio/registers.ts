/** The modern PCI transport (Virtual I/O Device, version 1.2, sections 2 and 4.1). */

export const virtioVendor = 0x1af4;
/** Device identities count from here (4.1.2). */
export const firstDevice = 0x1040;

export const enum Status {
  acknowledge = 1,
  driver = 2,
  driverOk = 4,
  featuresOk = 8,
  needsReset = 0x40,
  failed = 0x80,
}

/** VIRTIO_F_VERSION_1, bit 32. */
export const version1 = 1 << 0;

export const enum Isr {
  queue = 1 << 0,
  configuration = 1 << 1,
}

export const enum CapabilityType {
  common = 1,
  notify = 2,
  isr = 3,
  device = 4,
  pciAccess = 5,
}

/** Where the structures lie in BAR 4. */
export const Structure = { common: 0x0000, isr: 0x1000, device: 0x2000, notify: 0x3000, bytes: 0x4000 } as const;
/** Queue n is notified at n times this. */
export const notifyMultiplier = 4;
export const structureBar = 4;

export const enum Common {
  deviceFeatureSelect = 0x00,
  deviceFeature = 0x04,
  driverFeatureSelect = 0x08,
  driverFeature = 0x0c,
  configVector = 0x10,
  queues = 0x12,
  status = 0x14,
  generation = 0x15,
  queueSelect = 0x16,
  queueSize = 0x18,
  queueVector = 0x1a,
  queueEnable = 0x1c,
  queueNotify = 0x1e,
  queueDescriptors = 0x20,
  queueDriver = 0x28,
  queueDevice = 0x30,
  end = 0x38,
}

/** There are no MSI-X vectors. */
export const noVector = 0xffff;
export const largestQueue = 256;
export const mostQueues = 2;

export const enum Descriptor {
  next = 1,
  write = 2,
  indirect = 4,
  bytes = 16,
}
