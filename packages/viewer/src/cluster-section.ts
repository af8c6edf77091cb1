/** The clusters as galleries of their most typical crops. */
import { assertImage } from '@u2seg/core';
import { clusterColor } from './colors.ts';
import { markup, oneLine, type Html } from './html.ts';
import { dataTable } from './metric-section.ts';
import { embeddedPicture } from './picture.ts';
import type { ReportCluster, ReportOptions } from './report-input.ts';
import { counted, swatch } from './segment-panel.ts';

/** Longest class name shown, in characters. */
const maxClass = 80;

/** Renders things and stuff apart, the largest clusters with pictures and the others in a table. */
export async function clusterSection(
  clusters: readonly ReportCluster[],
  options: Required<ReportOptions>,
): Promise<Html> {
  const things = clusters.filter(({ isThing }) => isThing);
  const stuff = clusters.filter(({ isThing }) => !isThing);
  return markup`<section id="clusters" aria-labelledby="clusters-title">
    <h2 id="clusters-title">Clusters</h2>
    ${await gallery('Things', things, options)}${await gallery('Stuff', stuff, options)}
  </section> `;
}

async function gallery(
  title: string,
  clusters: readonly ReportCluster[],
  options: Required<ReportOptions>,
): Promise<Html | false> {
  if (clusters.length === 0) return false;
  const bySize = [...clusters].sort((a, b) => b.size - a.size || a.clusterId - b.clusterId);
  const shown = bySize.slice(0, options.maxClusters);
  const cards: Html[] = [];
  for (const cluster of shown) cards.push(await card(cluster, options));
  const empty = clusters.filter(({ size }) => size === 0).length;
  const members = clusters.reduce((sum, { size }) => sum + size, 0);
  const withoutMembers = empty > 0 && `; ${counted(empty, 'cluster')} without members`;
  return markup`<h3>${title}: ${counted(clusters.length, 'cluster')}</h3>
    <p>${counted(members, 'member')}, largest cluster first${withoutMembers}.</p>
    <ul class="gallery">
      ${cards}
    </ul>
    ${remaining(bySize.slice(options.maxClusters), title)}`;
}

async function card(cluster: ReportCluster, options: Required<ReportOptions>): Promise<Html> {
  const { clusterId, isThing, size, matchedClass } = cluster;
  const matched = matchedClass === undefined ? undefined : oneLine(matchedClass, maxClass);
  const pictures: Html[] = [];
  for (const [i, image] of cluster.exemplars.slice(0, options.maxExemplars).entries()) {
    assertImage(`renderReport: exemplar ${i} of cluster ${clusterId}`, image);
    const { address, height, width } = await embeddedPicture(image, options.exemplarSide, options.jpegQuality);
    const alt = `Exemplar ${i + 1} of ${isThing ? 'thing' : 'stuff'} cluster ${clusterId}${matched === undefined ? '' : `, ${matched}`}`;
    pictures.push(markup`<img src="${address}" width="${width}" height="${height}" alt="${alt}" />`);
  }
  return markup`<li class="cluster">
    <h4>
      ${swatch(clusterColor(clusterId, isThing), isThing)}
      <span>Cluster ${clusterId}${matched !== undefined && markup` → <bdi>${matched}</bdi>`}</span>
      <small>${counted(size, 'member')}</small>
    </h4>
    <div class="exemplars">${pictures.length === 0 ? markup`<p>No exemplars</p>` : pictures}</div>
  </li> `;
}

function remaining(clusters: readonly ReportCluster[], title: string): Html | false {
  if (clusters.length === 0) return false;
  const rows = clusters.map(({ clusterId, size, matchedClass }) => [
    String(clusterId),
    size,
    matchedClass === undefined ? null : oneLine(matchedClass, maxClass),
  ]);
  return markup`<details>
    <summary>${counted(clusters.length, 'smaller cluster')}</summary>
    ${dataTable(['Cluster', 'Members', 'Matched class'], rows, `${title}: smaller clusters`)}
  </details> `;
}
