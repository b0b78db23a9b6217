import type { FailureReason } from './reasons.ts';

/**
 * What engines, drivers and container runtimes write when they fail, in order of precedence: a cache that does not fit
 * is told with the words of full memory too, and a driver that is too old finds no device.
 */
const words: readonly (readonly [RegExp, FailureReason])[] = [
  [/no space left on device|disk quota exceeded/i, 'OutOfDisk'],
  // llama.cpp; then vLLM, in the words of its versions.
  [/failed to allocate (buffer|memory) for (the )?kv[ _-]?cache|failed to create (the )?kv cache/i, 'KVCacheTooSmall'],
  [/no available memory for the cache blocks|larger than the (available KV cache memory|maximum number of tokens)/i, 'KVCacheTooSmall'],
  [
    /(CUDA|HIP) out of memory|cudaMalloc failed: out of memory|CUDA error: out of memory|CUDA_ERROR_OUT_OF_MEMORY|hipErrorOutOfMemory/i,
    'DeviceOutOfMemory',
  ],
  [/ErrorOutOfDeviceMemory|VK_ERROR_OUT_OF_DEVICE_MEMORY|device memory allocation of size \d+ failed/i, 'DeviceOutOfMemory'],
  [/less than desired GPU memory utilization|NVML_ERROR_MEMORY|torch\.OutOfMemoryError/i, 'DeviceOutOfMemory'],
  [
    /std::bad_alloc|cannot allocate memory|ENOMEM|JavaScript heap out of memory|^MemoryError\b|DefaultCPUAllocator: can't allocate/im,
    'HostOutOfMemory',
  ],
  [/CUDA driver version is insufficient|driver\/library version mismatch|unsupported display driver \/ cuda driver/i, 'DriverIncompatible'],
  [/unsatisfied condition: (cuda|driver|brand)|please update your driver|NVIDIA driver on your system is too old/i, 'DriverIncompatible'],
  [
    /no kernel image is available for execution|PTX was compiled with an unsupported toolchain|forward compatibility was attempted/i,
    'DriverIncompatible',
  ],
  [
    /nvml error: driver not loaded|driver rpc error|couldn't communicate with the NVIDIA driver|system not yet initialized/i,
    'DriverIncompatible',
  ],
  [/load library failed: lib(nvidia|cuda)|lib(nvidia-ml|cuda|amdhip64|vulkan)\.so[.\d]*: cannot open shared object/i, 'DriverIncompatible'],
  [/no CUDA-capable device|no CUDA GPUs are available|hipErrorNoDevice|no NVIDIA GPU device|failed to infer device type/i, 'DeviceMissing'],
  [
    /unresolvable CDI devices?|(failed to|error) inject(ing)? CDI|nvidia-container-cli: (device|detection|mount) error|unknown device/i,
    'DeviceMissing',
  ],
  [
    /error gathering device information|no such file or directory: \/dev\/(nvidia|kfd|dri)|\/dev\/(nvidia\S*|kfd|dri\S*): no such/i,
    'DeviceMissing',
  ],
  [/no runtime for "[^"]+" is configured|unknown runtime handler|RuntimeHandler "[^"]+" not supported/i, 'DeviceMissing'],
  [
    /unknown model architecture|model architectures? .* (is|are) not supported|invalid magic|unsupported (model|quantization)/i,
    'UnsupportedModel',
  ],
];

/** The failure that this text tells of, or undefined when it tells of none that has a reason of its own. */
export function reasonInWords(text: string): FailureReason | undefined {
  return words.find(([pattern]) => pattern.test(text))?.[1];
}
