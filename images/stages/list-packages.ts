// Lists the packages of a node_modules directory for the SBOM.
// usage: node list-packages.ts NODE_MODULES FILE
import { writeFile } from 'node:fs/promises';
import { installedPackages } from './installed.ts';

const [nodeModules = 'node_modules', file = 'npm.json'] = process.argv.slice(2);
const packages = await installedPackages(nodeModules);
await writeFile(file, JSON.stringify(packages.map(({ directory: _directory, ...rest }) => rest)));
