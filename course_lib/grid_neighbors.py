"""The points of a grid that are nearest to each of many places in the plane, looked up instead of searched for.

`course_lib.bins` asks for the bins nearest to each pixel. Comparing each pixel with all bins would need a matrix of
pixels x bins, and a tree of the bins takes more than ten times as long as what follows.

The plane is cut into small regions, and a table says beforehand which points are nearest to the places of each. Around
every grid point lies a cell, one step wide. In a quarter of a cell, with u and v the distances to the grid point along
x and y, and s the step, the lines u = v, 2u + v = s/2 and u + 2v = s/2 make six triangles. These are the lines at which
one of the five nearest grid points changes places with another, so that inside the set all places of a triangle have
the same five nearest points in the same order, and looking up the triangle is enough. Near the border of the set, and
for more than five points, the table may give a short list instead, and the places of the triangle are compared with the
points in it. Whether a list is needed is not assumed but found out by exact arithmetic, for each region and each k.
"""

import functools
from typing import NamedTuple

import torch

_MARGIN = 3  # grid points on each side of the set that have cells of their own; the outermost cells reach to infinity
_REGIONS = 32  # per cell: 4 quarters, and 8 answers to the questions on which side of the three lines a place lies
_AT_ONCE = 1024  # regions that the table is made for at once: bounds the memory


class GridNeighbors:
    """Finds the nearest among some points of a square grid.

    Parameters
    ----------
    points : tensor, (Q, 2), float32
        x and y: multiples of ``step``, at most a hundred steps from the origin, sorted by x and then by y.
    step : float
        Between neighbors of the grid.
    """

    def __init__(self, points, step):
        self._points, self._step = points, step
        grid = (points / step).round().long()
        ends = zip((grid.amin(0) - _MARGIN).tolist(), (grid.amax(0) + _MARGIN).tolist(), strict=True)
        self._columns, self._rows = (range(first, last + 1) for first, last in ends)
        self._table = functools.cache(self._make_table)

    def nearest(self, x, y, k):
        """The rows of the k points that are nearest to each (x, y), nearest first, of equally near ones the lower row first.

        ``x`` and ``y`` are (N,), float32 or float64; the answer is (k, N), long. It is exact up to rounding of the
        comparisons: two points may change places where their distances agree in all digits but the last.
        """
        table = self._table(k, x.device)
        region = self._region_of(x, y)
        index = torch.empty(k, len(x), dtype=torch.long, device=x.device)
        for row, nearest in zip(index, table.nearest, strict=True):
            torch.index_select(nearest, 0, region, out=row)
        length = table.length.index_select(0, region)
        undecided = length.nonzero()[:, 0]
        length = length.index_select(0, undecided)
        for n in table.lengths:
            places = undecided[length == n]
            if len(places):
                candidates = table.list_of(region.index_select(0, places), n)
                near = index[0].index_select(0, places)
                chosen = self._compare(x.index_select(0, places), y.index_select(0, places), near, candidates, k)
                for row, points in zip(index, chosen, strict=True):
                    row.index_copy_(0, places, points)
        return index

    def _compare(self, x, y, near, candidates, k):
        """The k nearest of the n points that are listed, rising, for each place: (n, N) to (k, N).

        Distances are compared with that to a point which is ``near``, (N,), for the sake of rounding.
        """
        excess = self.excess(x, y, torch.cat([near[None], candidates]))[1:]
        order = excess.T.contiguous().sort(dim=1, stable=True).indices
        return candidates.gather(0, order[:, :k].T)

    def excess(self, x, y, index):
        """The squared distances to the points at ``index``, (k, N), less that to the first of them: (k, N).

        Made of differences between points, which are exact: far from all points, the squares themselves would lose the
        digits that matter.
        """
        points_x, points_y = self._points.T.to(x).contiguous()
        first_x, first_y = points_x.index_select(0, index[0]), points_y.index_select(0, index[0])
        twice_x, twice_y = 2 * (x - first_x), 2 * (y - first_y)
        excess = torch.zeros(index.shape, dtype=x.dtype, device=x.device)
        for row, points in zip(excess[1:], index[1:], strict=True):
            more_x = points_x.index_select(0, points).sub_(first_x)
            more_y = points_y.index_select(0, points).sub_(first_y)
            torch.mul(more_x, more_x - twice_x, out=row).addcmul_(more_y, more_y - twice_y)
        return excess

    def _region_of(self, x, y):
        """The number of each place's region, (N,) int.

        Lines belong to the region on their lower side, for x and then for y, which is why of two points at the same
        distance the lower wins.
        """
        column, right, u = self._locate(x, self._columns)
        row, upper, v = self._locate(y, self._rows)
        side = 2 * right - 1
        v *= side * (2 * upper - 1)  # both quarters on one side have the same three lines now
        half = self._step / 2 * side
        region = column.mul_(len(self._rows)).add_(row)
        for answer in (right, upper, _is_above(u, v), _is_above(2 * u + v, half), _is_above(u + 2 * v, half)):
            region.mul_(2).add_(answer)
        return region.int()

    def _locate(self, x, cells):
        """Along one axis: the place of the cell in ``cells``, 1 in its upper half and else 0, and the offset from its middle.

        A half reaches from a multiple of half a step (not included) to the next (included). The division never rounds a
        larger number to such a multiple, as subtracting half a step would: -5 + 1e-7 is not -5.
        """
        half = (x / (self._step / 2)).ceil_()
        middle = (half / 2).floor_()
        place = (middle - cells[0]).clamp_(0, len(cells) - 1)
        return place, half.sub_(middle, alpha=2), x.sub(middle, alpha=self._step)

    def _make_table(self, k, device):
        """What `_region_of` and k lead to. Takes a fifth of a second, once."""
        linear = _linear((self._points / self._step).round())
        parts = [_answers(some, linear, k) for some in _corners(self._columns, self._rows).split(_AT_ONCE)]
        nearest, is_near, is_only = map(torch.cat, zip(*parts, strict=True))
        length, start, candidates = _lists(is_near, is_only)
        tensors = nearest.T.contiguous(), length, start, candidates
        return _Table(*(x.to(device) for x in tensors), lengths=tuple(length[length > 0].unique().tolist()))


def _is_above(x, y):
    """1 where x > y and 0 elsewhere, as numbers to compute with: five times as fast as bool."""
    return (x - y).gt_(0)


class _Table(NamedTuple):
    """What is known beforehand about the k points nearest to the places of each of the R regions."""

    nearest: torch.Tensor  # (k, R): the answer where there is only one
    length: torch.Tensor  # (R,): how many points to compare, 0 where there is only one answer
    start: torch.Tensor  # (R,): where the list of these points begins
    candidates: torch.Tensor  # the lists, one after the other, each rising
    lengths: tuple  # the lengths that occur

    def list_of(self, region, n):
        """The lists of regions (N,) whose lists are n long: (n, N)."""
        place = self.start.index_select(0, region) + torch.arange(n, device=region.device)[:, None]
        return self.candidates.index_select(0, place.flatten()).view(n, -1)


def _answers(corners, linear, k):
    """The k points nearest to the middle of each region, and all that are among the k nearest to any place in it.

    A squared distance less that to the origin is linear in the place. So what is true of two points at all corners of a
    region is true everywhere in it, and a point that is nowhere nearer than the k points nearest to the middle need not
    be looked at.

    Parameters
    ----------
    corners : tensor, (R, n, 3)
        Of the regions.
    linear : tensor, (3, Q)
        What takes them to the squared distances to all points.

    Returns
    -------
    nearest : long tensor, (R, k)
    is_near : bool tensor, (R, Q)
        Which points can be among the k nearest.
    is_only : bool tensor, (R,)
        ``nearest`` is the answer everywhere in the region, in this order.
    """
    nearest = (corners.sum(1) @ linear).topk(k, largest=False).indices
    squared = corners @ linear
    to_nearest = squared.gather(2, nearest[:, None].expand(-1, squared.shape[1], -1))
    is_near = (squared < to_nearest.amax(2, keepdim=True)).any(1).scatter_(1, nearest, True)
    in_order = (to_nearest.diff(dim=2) >= 0).flatten(1).all(1)
    return nearest, is_near, in_order & (is_near.sum(1) == k)


def _lists(is_near, is_only):
    """The lists of points to compare, one after the other: their lengths (R,), where they begin (R,), and the points.

    Lengths are powers of two, or 0 where there is nothing to compare. One point too many is harmless, and few lengths
    are faster.
    """
    listed = is_near[~is_only]
    count = listed.sum(1)
    missing = (2 ** count.log2().ceil()).clamp(max=listed.shape[1]) - count
    listed |= (~listed).cumsum(1) <= missing[:, None]
    length = torch.zeros(len(is_only), dtype=torch.long)
    length[~is_only] = listed.sum(1)
    return length, length.cumsum(0) - length, listed.nonzero()[:, 1]


# Corners are counted in twelfths of the step, where they and the points are whole numbers, so that comparing distances
# to them is exact in single precision. They are homogeneous, (x, y, 1), since (x, y, 0) can stand for a direction in
# which a region goes on without end.
_FINE = 12


def _linear(grid):
    """What takes corners to their squared distances to points of the grid, (Q, 2), less those to the origin: (3, Q)."""
    points = _FINE * grid
    return torch.cat([-2 * points, points.square().sum(1, keepdim=True)], dim=1).T


def _corners(columns, rows):
    """The corners of all regions, in the order of their numbers: (R, 4, 3). Triangles name one corner twice."""
    return torch.cat([_regions(x, columns, y, rows) for x in columns for y in rows])


def _regions(x, columns, y, rows):
    """The corners of the regions of one cell: (32, 4, 3). A cell without end is one region by all its numbers."""
    if x in (columns[0], columns[-1]) or y in (rows[0], rows[-1]):
        # Where a cell goes on along both axes, one corner is (0, 0, 0), which no comparison notices.
        cell = [(a * h, b * g, g * h) for a, g in _ends(x, columns) for b, h in _ends(y, rows)]
        return torch.tensor(cell, dtype=torch.float32).expand(_REGIONS, -1, -1)
    return _triangles() + _FINE * torch.tensor([x, y, 0])


def _ends(cell, cells):
    """Both ends of a cell along one axis as (x, 1), or as (direction, 0) where it goes on without end."""
    low = (_FINE * cell - _FINE // 2, 1) if cell != cells[0] else (-1, 0)
    high = (_FINE * cell + _FINE // 2, 1) if cell != cells[-1] else (1, 0)
    return low, high


@functools.cache
def _triangles():
    """The corners of the regions of the cell around the origin: (32, 4, 3)."""
    ring = [(0, 0), (3, 0), (6, 0), (6, 6), (0, 6), (0, 3)]
    triangles = [((2, 2), (2, 2), ring[i], ring[(i + 1) % 6]) for i in range(6)]
    # For answers 000 to 111. 010 and 101 come about by rounding only, close to (2, 2), where all triangles meet.
    by_answers = [triangles[i] for i in (5, 4, 5, 3, 0, 0, 1, 2)]
    return torch.tensor(
        [
            [(x * side, y * height, 1) for x, y in by_answers[answers if side > 0 else 7 - answers]]
            for side in (-1, 1)
            for height in (-1, 1)
            for answers in range(8)
        ],
        dtype=torch.float32,
    )
