/** The little of XML that stores answer with: elements within elements, and texts in them. */
import { parseXml, XmlElement } from '@rgrove/parse-xml';
import { decodeUtf8 } from '../../core/bytes.ts';

export interface Element {
  readonly name: string;
  readonly text: string;
  readonly children: readonly Element[];
}

/** Undefined: it is none. Entities that a document declares itself are not known to the parser, and so no XML. */
export function readXml(bytes: Uint8Array): Element | undefined {
  try {
    const root = parseXml(decodeUtf8(bytes) ?? '').root;
    return root === null ? undefined : elementOf(root);
  } catch {
    return undefined;
  }
}

function elementOf(element: XmlElement): Element {
  const children = element.children.filter((child) => child instanceof XmlElement).map(elementOf);
  return { name: element.name, text: children.length === 0 ? element.text : '', children };
}

/** Of the first child of this name. */
export function textOf(element: Element, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}
