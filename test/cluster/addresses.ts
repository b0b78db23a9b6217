/** The node's own address, on the loopback device: only this machine reaches it, pods included. */
export const nodeAddress = '10.99.0.1';
export const apiPort = 6443;
export const networks = { pods: '10.244.0.0/16', services: '10.96.0.0/16', firstService: '10.96.0.1' } as const;
/** The addresses of the one node's pods. */
export const nodePods = '10.244.0.0/24';
export const dnsService = '10.96.0.10';
export const nodeName = 'node1';
