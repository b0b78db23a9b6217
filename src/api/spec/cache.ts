import { z } from 'zod';
import { objectName, quantity, rules } from '../fields.ts';

/** `spec.cache`: where fetched model files are kept. */
export const cache = z
  .object({
    type: z
      .enum(['PersistentVolumeClaim', 'Ephemeral', 'HostPath'])
      .default('Ephemeral')
      .describe(
        'Where fetched files are kept. HostPath is the directory `/var/cache/modelfleet` of the node: user 65532 must be able to write there, and the namespace must not enforce the Pod Security Standard baseline or restricted.',
      ),
    size: quantity.describe('Size of the volume; that of a claim cannot change here.').exactOptional(),
    storageClassName: objectName.describe("Class of the claim; the cluster's default when not given.").exactOptional(),
    accessMode: z
      .enum(['ReadWriteOnce', 'ReadWriteMany'])
      .describe(
        'How nodes may use the claim. ReadWriteMany when the deployment is made with more than one replica, else ReadWriteOnce; replicas of a ReadWriteOnce claim are put on one node where that is possible.',
      )
      .exactOptional(),
  })
  .meta(
    rules(
      {
        rule: "!has(self.storageClassName) || self.type == 'PersistentVolumeClaim'",
        message: 'cache.storageClassName goes with cache.type PersistentVolumeClaim: remove it or change the type',
      },
      {
        rule: "self.type != 'PersistentVolumeClaim' || has(self.size)",
        message: 'cache.type PersistentVolumeClaim needs cache.size: say how large the claim is, such as 50Gi',
      },
      {
        rule: "!has(self.accessMode) || self.type == 'PersistentVolumeClaim'",
        message: 'cache.accessMode goes with cache.type PersistentVolumeClaim: remove it or change the type',
      },
      { rule: 'self.type == oldSelf.type', message: 'cache.type cannot change: create another ModelDeployment' },
      {
        rule: 'has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)',
        message: 'cache.storageClassName cannot change: create another ModelDeployment',
      },
      {
        rule: 'has(self.accessMode) == has(oldSelf.accessMode) && (!has(self.accessMode) || self.accessMode == oldSelf.accessMode)',
        message: 'cache.accessMode cannot change: create another ModelDeployment',
      },
      {
        rule: "self.type != 'PersistentVolumeClaim' || (has(self.size) == has(oldSelf.size) && (!has(self.size) || self.size == oldSelf.size))",
        message:
          'cache.size of a claim cannot change: expand the claim itself where its class allows that, or create another ModelDeployment',
      },
    ),
  )
  .describe('The cache of fetched model files.');
