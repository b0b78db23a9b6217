/** A ModelDeployment, as far as a label selector looks at it. */
type ModelObject = { readonly name: string; readonly labels: Readonly<Record<string, string>> };

/** The ModelDeployments of a namespace. */
export type ModelObjects = (namespace: string) => readonly ModelObject[];
