using System.Runtime.CompilerServices;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Where lines start: the positions over some axes of up to three tensors at once, in row-major order.</summary>
/// <remarks>Axes of extent 1 are dropped and neighbours that every tensor walks with one step are merged, so that most
/// grids have one axis or none and <see cref="Locate"/> divides seldom. Unmanaged, so that tile bodies can hold it.</remarks>
internal unsafe struct LineGrid
{
    private int _rank;
    private fixed int _extents[Shape.MaxRank];
    private fixed long _a[Shape.MaxRank];
    private fixed long _b[Shape.MaxRank];
    private fixed long _c[Shape.MaxRank];

    /// <summary>The number of positions.</summary>
    public long Count { get; private set; }

    /// <summary>A grid with one position at offset 0.</summary>
    public LineGrid() => Count = 1;

    /// <summary>A grid over all axes but those whose bits are set in <paramref name="skip"/>; a tensor that is not given
    /// stands still.</summary>
    public static LineGrid Over(ReadOnlySpan<int> extents, uint skip,
        ReadOnlySpan<long> a, ReadOnlySpan<long> b = default, ReadOnlySpan<long> c = default)
    {
        var grid = new LineGrid();
        for (var axis = 0; axis < extents.Length; axis++)
            if ((skip >> axis & 1) == 0)
                grid.Append(extents[axis], a[axis], b.IsEmpty ? 0 : b[axis], c.IsEmpty ? 0 : c[axis]);
        return grid;
    }

    /// <summary>Adds an axis inside those there are.</summary>
    public void Append(int extent, long a, long b = 0, long c = 0)
    {
        Count *= extent;
        if (extent == 1) return;
        var last = _rank - 1;
        if (last >= 0 && _a[last] == a * extent && _b[last] == b * extent && _c[last] == c * extent
            && (long)_extents[last] * extent <= int.MaxValue)
        {
            _extents[last] *= extent;
        }
        else
        {
            _extents[last = _rank++] = extent;
        }

        (_a[last], _b[last], _c[last]) = (a, b, c);
    }

    /// <summary>Takes the innermost axis out of the grid; a grid without axes gives one of extent 1.</summary>
    public Run TakeInnermost()
    {
        if (_rank == 0) return new Run(Count == 0 ? 0 : 1, 0, 0, 0);
        var last = --_rank;
        Count = 1;
        for (var i = 0; i < _rank; i++) Count *= _extents[i];
        return new Run(_extents[last], _a[last], _b[last], _c[last]);
    }

    /// <summary>The offsets of position <paramref name="index"/> in the three tensors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly (long A, long B, long C) Locate(long index)
    {
        if (_rank == 1) return (index * _a[0], index * _b[0], index * _c[0]);
        return LocateByDivision(index);
    }

    private readonly (long A, long B, long C) LocateByDivision(long index)
    {
        long a = 0, b = 0, c = 0;
        for (var i = _rank - 1; i >= 0; i--)
        {
            var (rest, at) = Math.DivRem(index, _extents[i]);
            a += at * _a[i];
            b += at * _b[i];
            c += at * _c[i];
            index = rest;
        }

        return (a, b, c);
    }
}

/// <summary>An axis: its extent and its step in each of three tensors.</summary>
internal readonly record struct Run(int Extent, long A, long B, long C);

/// <summary>How lines are shared out: a tile is a span of whole short lines or a piece of one long line. Depends on the
/// shape alone.</summary>
internal readonly struct LineTiles
{
    /// <summary>Elements per tile, about: some tens of microseconds of work, a fraction of the L2 cache.</summary>
    public const int Grain = 16 * 1024;

    private readonly long _lines;
    private readonly int _extent, _piece;
    private readonly long _piecesPerLine, _linesPerTile;

    /// <summary>Cuts <paramref name="lines"/> lines of <paramref name="extent"/> elements.</summary>
    public LineTiles(long lines, int extent, int grain = Grain, bool splitLines = true)
    {
        (_lines, _extent) = (lines, extent);
        _piece = splitLines ? Math.Min(extent, grain) : extent;
        _piecesPerLine = _piece == 0 ? 0 : (extent + _piece - 1L) / _piece;
        _linesPerTile = _piecesPerLine > 1 ? 1 : Math.Max(1, grain / Math.Max(1, extent));
    }

    /// <summary>The number of tiles.</summary>
    public long Count => _piecesPerLine > 1 ? _lines * _piecesPerLine : _piecesPerLine == 0 ? 0 : (_lines + _linesPerTile - 1) / _linesPerTile;

    /// <summary>Elements in a full tile.</summary>
    public long Elements => _linesPerTile * _piece;

    /// <summary>Tile <paramref name="tile"/>: lines [FirstLine, EndLine), of each the elements [Start, Start + Length).</summary>
    public (long FirstLine, long EndLine, int Start, int Length) this[long tile]
    {
        get
        {
            if (_piecesPerLine <= 1)
                return (tile * _linesPerTile, Math.Min(_lines, (tile + 1) * _linesPerTile), 0, _extent);
            var (line, piece) = Math.DivRem(tile, _piecesPerLine);
            var start = (int)(piece * _piece);
            return (line, line + 1, start, Math.Min(_piece, _extent - start));
        }
    }
}
