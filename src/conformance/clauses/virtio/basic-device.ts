import { hidden, observed, provoked, type Clause } from '../clause.js';
import { virtio } from './specification.js';

/** Status, features, configuration space and queue reset (sections 2, 3 and 6), for devices. */
export const BASIC_DEVICE: readonly Clause[] = [
  ...virtio('2.1.2', 'device', [
    ['idle-before-ok', 'MUST NOT', 'consumes no buffer and interrupts for none before DRIVER_OK', observed],
    ['needs-reset', 'SHOULD', 'sets DEVICE_NEEDS_RESET where only a reset helps', provoked('a broken ring')],
    [
      'needs-reset-told',
      'MUST',
      'tells of DEVICE_NEEDS_RESET by a configuration change, with DRIVER_OK set',
      provoked('a broken ring'),
    ],
  ]),
  ...virtio('2.2.2', 'device', [
    ['dependencies', 'MUST NOT', 'offers no feature without the ones that it depends on', observed],
    ['subsets', 'SHOULD', 'accepts any valid subset of features, or leaves FEATURES_OK clear', observed],
    [
      'refuses',
      'MUST',
      'leaves FEATURES_OK clear for a set that it does not accept',
      provoked('features not offered'),
    ],
    ['nothing-unknown', 'MUST NOT', 'offers no feature bit that it would not support', observed],
    ['again', 'SHOULD NOT', 'accepts after a reset the features that it accepted before', observed],
  ]),
  ...virtio('2.4.1', 'device', [
    ['status-0', 'MUST', 'has status 0 after a reset', observed],
    ['quiet', 'MUST NOT', 'neither interrupts nor touches queues after a reset', observed],
  ]),
  ...virtio('2.5.2', 'device', [
    ['early-reads', 'MUST', 'allows every configuration field to be read before FEATURES_OK', observed],
  ]),
  ...virtio('2.6.1.1.1', 'device', [
    [
      'stops',
      'MUST NOT',
      'executes nothing of a queue that was reset, and does not interrupt for it',
      observed,
    ],
    ['default-state', 'MUST', 'has a queue that was reset in its default state', observed],
  ]),
  ...virtio('2.6.1.2.1', 'device', [
    ['new-setup', 'MUST', 'follows the setup that a queue is enabled with again', observed],
  ]),
  ...virtio('6.2', 'device', [
    ['version-1', 'MUST', 'offers VIRTIO_F_VERSION_1', observed],
    [
      'access-platform',
      'SHOULD',
      'offers VIRTIO_F_ACCESS_PLATFORM where bus addresses are not physical ones',
      hidden('on this machine they are the same'),
    ],
    ['in-order', 'MUST', 'with IN_ORDER, uses buffers in the order in which they became available', observed],
    ['no-sr-iov', 'MUST NOT', 'does not offer SR_IOV without that PCI capability', observed],
  ]),
];
