import { hidden, observed, provoked, type Clause } from '../clause.js';
import { virtio } from './specification.js';

/** Status, features, configuration space, initialization and clean-up (sections 2, 3 and 6), for drivers. */
export const BASIC_DRIVER: readonly Clause[] = [
  ...virtio('2.1.1', 'driver', [
    ['steps-by-status', 'MUST', 'sets a status bit with each step of initialization it completes', observed],
    ['never-clears', 'MUST NOT', 'clears no bit of the device status, except by a reset', observed],
    ['reset-after-failed', 'MUST', 'resets the device before it tries again after it set FAILED', observed],
    [
      'needs-reset',
      'SHOULD NOT',
      'relies on no completion once the device has set DEVICE_NEEDS_RESET',
      provoked('needs-reset'),
    ],
  ]),
  ...virtio('2.2.1', 'driver', [
    ['only-offered', 'MUST NOT', 'accepts no feature that the device does not offer', observed],
    ['dependencies', 'MUST NOT', 'accepts no feature without the ones that it depends on', observed],
    ['validates', 'MUST', 'looks at the offered features before it accepts any', observed],
    [
      'reserved-bits',
      'MUST NOT',
      'accepts no feature bit that is reserved or of another transport or device',
      provoked('reserved-features'),
    ],
    [
      'compatible',
      'SHOULD',
      'goes on without a feature that the device lacks, or else sets FAILED',
      provoked('features-0'),
    ],
    [
      'unknown-is-fine',
      'MUST NOT',
      'does not fail merely because a feature is offered that it does not know',
      provoked('reserved-features'),
    ],
  ]),
  ...virtio('2.4.2', 'driver', [
    ['reset-complete', 'SHOULD', 'takes a reset for done only when it reads 0 as the status', observed],
  ]),
  ...virtio('2.5.1', 'driver', [
    [
      'generation',
      'SHOULD',
      'reads fields wider than 32 bits, and several fields, between two equal generations',
      provoked('config-changes'),
    ],
    ['optional-fields', 'MUST', 'reads an optional field only where its feature is offered', observed],
    [
      'no-size-limit',
      'MUST NOT',
      'does not limit the size of the configuration space from above',
      provoked('modern-only'),
    ],
    [
      'large-enough',
      'SHOULD',
      'checks only that the configuration space is large enough',
      provoked('modern-only'),
    ],
  ]),
  ...virtio('2.6.1.1.2', 'driver', [
    ['verify-reset', 'MUST', 'verifies that a queue which it reset has been reset', observed],
  ]),
  ...virtio('2.6.1.2.2', 'driver', [
    ['configure-again', 'MUST', 'sets up a queue anew before it enables it again', observed],
  ]),
  ...virtio('3.1.1', 'driver', [
    [
      'sequence',
      'MUST',
      'initializes in the order: reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK, its check, queues, DRIVER_OK',
      observed,
    ],
    ['config-read-only', 'MUST NOT', 'writes no configuration field before FEATURES_OK', observed],
    ['features-final', 'MUST NOT', 'accepts no further feature after FEATURES_OK', observed],
    ['failed', 'SHOULD', 'sets FAILED when initialization cannot go on', provoked('packed-ring-only')],
    [
      'stops-when-failed',
      'MUST NOT',
      'does not go on with initialization after it failed',
      provoked('packed-ring-only'),
    ],
    ['no-early-notify', 'MUST NOT', 'notifies no queue before DRIVER_OK', observed],
  ]),
  ...virtio('3.3.1', 'driver', [
    ['exposed-unaltered', 'MUST NOT', 'alters no queue entry of a buffer that the device holds', observed],
    [
      'reset-before-removal',
      'MUST',
      'resets the device before it takes back buffers that were not used',
      observed,
    ],
  ]),
  ...virtio('6.1', 'driver', [
    ['version-1', 'MUST', 'accepts VIRTIO_F_VERSION_1 where it is offered', observed],
    [
      'access-platform',
      'SHOULD',
      'accepts VIRTIO_F_ACCESS_PLATFORM where it is offered',
      provoked('access-platform'),
    ],
    [
      'physical-addresses',
      'MUST',
      'passes physical addresses where VIRTIO_F_ACCESS_PLATFORM is not offered',
      observed,
    ],
    ['packed', 'SHOULD', 'accepts VIRTIO_F_RING_PACKED where it is offered', observed],
    [
      'order-platform',
      'SHOULD',
      'accepts VIRTIO_F_ORDER_PLATFORM where it is offered',
      provoked('order-platform'),
    ],
    [
      'hardware-barriers',
      'MUST',
      'uses barriers for hardware devices with VIRTIO_F_ORDER_PLATFORM',
      hidden('barriers leave no trace on a coherent machine'),
    ],
    [
      'no-sr-iov',
      'MUST NOT',
      'does not accept VIRTIO_F_SR_IOV of a device without that PCI capability',
      provoked('reserved-features'),
    ],
    [
      'notif-config-data',
      'SHOULD',
      'accepts VIRTIO_F_NOTIF_CONFIG_DATA where it is offered',
      provoked('notif-config-data'),
    ],
  ]),
];
