import { expect, test } from 'vitest';
import { reasonInWords } from './failure-words.ts';

test.each([
  ['OSError: [Errno 28] No space left on device', 'OutOfDisk'],
  ['llama_kv_cache_init: failed to allocate buffer for kv cache\ncudaMalloc failed: out of memory', 'KVCacheTooSmall'],
  [
    'ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.',
    'KVCacheTooSmall',
  ],
  [
    "ValueError: The model's max seq len (32768) is larger than the maximum number of tokens that can be stored in KV cache (20544).",
    'KVCacheTooSmall',
  ],
  ['ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4096.00 MiB on device 0: cudaMalloc failed: out of memory', 'DeviceOutOfMemory'],
  ['torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.17 GiB.', 'DeviceOutOfMemory'],
  ['ggml_vulkan: Device memory allocation of size 1073741824 failed.', 'DeviceOutOfMemory'],
  ['vk::Device::allocateMemory: ErrorOutOfDeviceMemory', 'DeviceOutOfMemory'],
  [
    'ValueError: Free memory on device (3.1/23.6 GiB) on startup is less than desired GPU memory utilization (0.9, 21.3 GiB).',
    'DeviceOutOfMemory',
  ],
  ["terminate called after throwing an instance of 'std::bad_alloc'", 'HostOutOfMemory'],
  ['mmap failed: Cannot allocate memory', 'HostOutOfMemory'],
  ['ggml_cuda_init: failed to initialize CUDA: CUDA driver version is insufficient for CUDA runtime version', 'DriverIncompatible'],
  ['CUDA error: no kernel image is available for execution on the device', 'DriverIncompatible'],
  [
    'nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update your driver to a newer version',
    'DriverIncompatible',
  ],
  ['nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown', 'DriverIncompatible'],
  [
    'nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: cannot open shared object file: no such file',
    'DriverIncompatible',
  ],
  ['Failed to initialize NVML: Driver/library version mismatch', 'DriverIncompatible'],
  ['ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected', 'DeviceMissing'],
  ['RuntimeError: No CUDA GPUs are available', 'DeviceMissing'],
  ['CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=0', 'DeviceMissing'],
  ['nvidia-container-cli: device error: 0: unknown device: unknown', 'DeviceMissing'],
  ['error gathering device information while adding custom device "/dev/kfd": no such file or directory', 'DeviceMissing'],
  ['failed to get sandbox runtime: no runtime for "nvidia" is configured', 'DeviceMissing'],
  ["llama_model_load: error loading model: unknown model architecture: 'grok9'", 'UnsupportedModel'],
  ["ValueError: Model architectures ['FooForCausalLM'] are not supported for now.", 'UnsupportedModel'],
  ['Segmentation fault (core dumped)', undefined],
  ['llm_load_tensors: offloaded 29/29 layers to GPU', undefined],
])('%s means %s', (text, reason) => expect(reasonInWords(text)).toBe(reason));
