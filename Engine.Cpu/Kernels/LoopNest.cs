using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Work on one row of elements.</summary>
internal unsafe interface IRow
{
    /// <summary>Does <paramref name="count"/> elements (at least 1); operand i starts at at[i] and goes on in steps of
    /// step[i] bytes.</summary>
    void Run(byte** at, long* step, long count);

    /// <summary>True when all it does is to move elements from operand 1 to the result, both of one size.</summary>
    static virtual bool Moves => false;
}

/// <summary>The loops over operands of one shape and any strides: axes of extent 1 dropped, the others ordered by the
/// strides of operand 0 (the result), neighbours that lie in one run merged, cut into tiles.</summary>
/// <remarks>The order of elements is free because elementwise work is: an operand that is written and read does both in
/// the same place.</remarks>
internal unsafe struct LoopNest
{
    public const int MaxOperands = 4;

    /// <summary>Elements one tile should hold: large enough to hide the cost of handing it out, small enough for the
    /// second-level cache.</summary>
    public const int TileElements = 16 * 1024;

    // A block of an operand that runs along the rows' neighbours is turned around as a whole, so that every cache line is
    // read once; of one that runs along neither, these rows share the lines that a walk across them touches.
    // A turned block that only moves goes straight to the result, in pieces: the next one is asked for while one is turned.
    private const int TurnedBlock = 64, TurnedPieces = 8, GatheredRows = 32, GatheredColumns = 256;

    private int _rank;
    private fixed long _extent[Shape.MaxRank];
    private fixed long _step[Shape.MaxRank * MaxOperands];
    private fixed int _size[MaxOperands];

    /// <summary>The number of elements.</summary>
    public long Count { get; private set; }

    /// <summary>Starts from the result's layout; its elements take <paramref name="size"/> bytes.</summary>
    public LoopNest(Layout layout, int size)
    {
        this = default; // operands without strides stay where they are: step 0
        Count = layout.Count;
        _rank = layout.Rank;
        for (var axis = 0; axis < _rank; axis++) _extent[axis] = layout.Dims[axis];
        Set(0, layout, size);
    }

    /// <summary>Gives operand number <paramref name="operand"/> its strides.</summary>
    public void Set(int operand, Layout layout, int size)
    {
        _size[operand] = size;
        for (var axis = 0; axis < _rank; axis++) _step[axis * MaxOperands + operand] = layout.Strides[axis] * size;
    }

    /// <summary>Runs rows over tensors of one shape: the result y and up to three operands with their memory.</summary>
    [SkipLocalsInit]
    public static void Run<TRow>(double nanosecondsPerElement, ref TRow row, Tensor y, byte* memoryY,
        Tensor? a = null, byte* memoryA = null, Tensor? b = null, byte* memoryB = null, Tensor? c = null, byte* memoryC = null)
        where TRow : unmanaged, IRow
    {
        long* step = stackalloc long[MaxOperands];
        var at = stackalloc byte*[MaxOperands];
        at[0] = Start(y, memoryY, out step[0]);
        at[1] = Start(a, memoryA, out step[1]);
        at[2] = Start(b, memoryB, out step[2]);
        at[3] = Start(c, memoryC, out step[3]);
        if (y.Count <= TileElements && IsRun(y) && IsRun(a) && IsRun(b) && IsRun(c))
        {
            if (y.Count > 0) row.Run(at, step, y.Count);
            return;
        }

        var nest = new LoopNest(y.Layout, (int)step[0]);
        if (a is not null) nest.Set(1, a.Layout, (int)step[1]);
        if (b is not null) nest.Set(2, b.Layout, (int)step[2]);
        if (c is not null) nest.Set(3, c.Layout, (int)step[3]);
        nest.Run(at, nanosecondsPerElement, ref row);

        static bool IsRun(Tensor? t) => t is null || t.IsContiguous;

        static byte* Start(Tensor? t, byte* memory, out long size)
        {
            size = t is null ? 0 : t.DType.SizeOf();
            return memory + (t is null ? 0 : t.Offset * size);
        }
    }

    /// <summary>Runs rows until every element is done, in parallel where it pays. Operand i starts at at[i].</summary>
    public void Run<TRow>(byte** at, double nanosecondsPerElement, ref TRow row) where TRow : unmanaged, IRow
    {
        if (Count == 0) return;
        Simplify();
        var tiles = new Tiles<TRow>(this, at, row);
        WorkerPool.For(tiles.Count, nanosecondsPerElement * Count / tiles.Count, ref tiles);
    }

    private void Simplify()
    {
        // Insertion sort by the result's stride, largest first, leaving out extents of 1.
        var rank = 0;
        for (var axis = 0; axis < _rank; axis++)
        {
            if (_extent[axis] == 1) continue;
            var place = rank++;
            Move(axis, place);
            for (; place > 0 && Math.Abs(_step[(place - 1) * MaxOperands]) < Math.Abs(_step[place * MaxOperands]); place--)
                Swap(place - 1, place);
        }

        _rank = 0;
        for (var axis = 0; axis < rank; axis++)
        {
            if (_rank > 0 && Continues(_rank - 1, axis))
            {
                var extent = _extent[_rank - 1];
                Move(axis, _rank - 1);
                _extent[_rank - 1] *= extent;
            }
            else
            {
                Move(axis, _rank++);
            }
        }

        while (_rank < 2) // two innermost axes always exist
        {
            for (var axis = _rank; axis > 0; axis--) Move(axis - 1, axis);
            _extent[0] = 1;
            for (var i = 0; i < MaxOperands; i++) _step[i] = 0;
            _rank++;
        }

        // The axis along which some operand runs though the rows do not becomes the one beside them.
        for (var axis = _rank - 3; axis >= 0; axis--)
        {
            if (Turned(_rank - 2) != 0 || Turned(axis) == 0) continue;
            for (var place = axis; place < _rank - 2; place++) Swap(place, place + 1);
        }
    }

    /// <summary>The operands (as bits) whose neighbours lie along an axis rather than along the rows.</summary>
    private readonly int Turned(int axis)
    {
        var operands = 0;
        for (var i = 1; i < MaxOperands; i++)
        {
            var inner = _step[(_rank - 1) * MaxOperands + i];
            if (inner != 0 && inner != _size[i] && _step[axis * MaxOperands + i] == _size[i]) operands |= 1 << i;
        }

        return operands;
    }

    private void Move(int from, int to)
    {
        _extent[to] = _extent[from];
        for (var i = 0; i < MaxOperands; i++) _step[to * MaxOperands + i] = _step[from * MaxOperands + i];
    }

    private void Swap(int a, int b)
    {
        (_extent[a], _extent[b]) = (_extent[b], _extent[a]);
        for (var i = 0; i < MaxOperands; i++)
            (_step[a * MaxOperands + i], _step[b * MaxOperands + i]) = (_step[b * MaxOperands + i], _step[a * MaxOperands + i]);
    }

    private bool Continues(int outer, int inner)
    {
        for (var i = 0; i < MaxOperands; i++)
            if (_step[outer * MaxOperands + i] != _extent[inner] * _step[inner * MaxOperands + i]) return false;
        return true;
    }

    /// <summary>The nest cut into tiles: some whole planes (the two innermost axes), or a block of one plane.</summary>
    private struct Tiles<TRow> : ITiles where TRow : unmanaged, IRow
    {
        private LoopNest _nest;
        private readonly TRow _row;
        private fixed long _at[MaxOperands];
        private readonly long _planes, _planesPerTile, _blockRows, _blockColumns, _blocksAcross, _blocksPerPlane;
        private readonly int _turned;
        private readonly bool _moves;

        public Tiles(in LoopNest nest, byte** at, TRow row)
        {
            _nest = nest;
            _row = row;
            for (var i = 0; i < MaxOperands; i++) _at[i] = (long)at[i];

            long rows = nest._extent[nest._rank - 2], columns = nest._extent[nest._rank - 1];
            _planes = nest.Count / (rows * columns);
            _turned = nest.Turned(nest._rank - 2);
            _moves = TRow.Moves && _turned == 0b10 && nest._step[(nest._rank - 1) * MaxOperands] == nest._size[0];
            var gathered = false;
            for (var i = 1; i < MaxOperands; i++)
                gathered |= Math.Abs(nest._step[(nest._rank - 1) * MaxOperands + i]) > 8 * nest._size[i];
            _blockColumns = Math.Min(columns, _moves ? TurnedPieces * TurnedBlock : _turned != 0 ? TurnedBlock : gathered ? GatheredColumns : TileElements);
            _blockRows = Math.Min(rows, _turned != 0 ? TurnedBlock : gathered ? GatheredRows : Math.Max(1, TileElements / _blockColumns));
            _blocksAcross = (columns + _blockColumns - 1) / _blockColumns;
            _blocksPerPlane = _blocksAcross * ((rows + _blockRows - 1) / _blockRows);
            _planesPerTile = _blocksPerPlane > 1 ? 1 : Math.Clamp(TileElements / (rows * columns), 1, _planes);
        }

        public readonly long Count => (_planes + _planesPerTile - 1) / _planesPerTile * _blocksPerPlane;

        public void Run(long tile)
        {
            var block = stackalloc byte*[MaxOperands];
            var first = tile / _blocksPerPlane * _planesPerTile;
            var number = tile % _blocksPerPlane;
            var last = Math.Min(first + _planesPerTile, _planes);
            int rank = _nest._rank, inner = rank - 1;
            var row = number / _blocksAcross * _blockRows;
            var column = number % _blocksAcross * _blockColumns;
            var rows = (int)Math.Min(_blockRows, _nest._extent[rank - 2] - row);
            var columns = Math.Min(_blockColumns, _nest._extent[inner] - column);

            fixed (long* step = _nest._step, start = _at)
            {
                long* rowStep = step + (rank - 2) * MaxOperands, columnStep = step + inner * MaxOperands;
                for (var p = first; p < last; p++)
                {
                    for (var i = 0; i < MaxOperands; i++)
                        block[i] = (byte*)start[i] + row * rowStep[i] + column * columnStep[i];
                    var rest = p;
                    for (var axis = rank - 3; axis >= 0; axis--)
                    {
                        var index = rest % _nest._extent[axis];
                        rest /= _nest._extent[axis];
                        for (var i = 0; i < MaxOperands; i++) block[i] += index * step[axis * MaxOperands + i];
                    }

                    if (_turned == 0) Rows(block, rowStep, columnStep, rows, columns);
                    else if (_moves) Turn(block[1], columnStep[1], block[0], rowStep[0], rows, (int)columns);
                    else TurnedRows(block, rowStep, columnStep, rows, (int)columns);
                }
            }
        }

        private readonly void Rows(byte** block, long* rowStep, long* columnStep, int rows, long columns)
        {
            var at = stackalloc byte*[MaxOperands];
            var kernel = _row; // a copy that calls may go through without another
            for (var r = 0; r < rows; r++)
            {
                for (var i = 0; i < MaxOperands; i++) at[i] = block[i] + r * rowStep[i];
                kernel.Run(at, columnStep, columns);
            }
        }

        private readonly void Turn(byte* from, long columnStep, byte* to, long rowStep, int rows, int columns)
        {
            var pastCaches = _nest.Count * _nest._size[0] >= Elementwise.NonTemporalFrom;
            fixed (int* size = _nest._size)
                for (var column = 0; column < columns; column += TurnedBlock)
                {
                    var piece = Math.Min(TurnedBlock, columns - column);
                    var next = from + piece * columnStep;
                    for (var c = 0; c < piece; c++) CacheHint.Prefetch(next + c * columnStep, rows * *size);
                    Strides.Turn(from, columnStep, to + column * *size, rowStep, rows, piece, *size, pastCaches);
                    from = next;
                }
        }

        // The block of each turned operand is first laid into rows.
        private void TurnedRows(byte** block, long* rowStep, long* columnStep, int rows, int columns)
        {
            const int Bytes = TurnedBlock * TurnedBlock * 8;
            using var scratch = new Scratch<byte>(Bytes * (MaxOperands - 1));
            var laid = stackalloc byte*[MaxOperands];
            long* laidRowStep = stackalloc long[MaxOperands], laidColumnStep = stackalloc long[MaxOperands];
            for (var i = 0; i < MaxOperands; i++)
            {
                laid[i] = block[i];
                laidRowStep[i] = rowStep[i];
                laidColumnStep[i] = columnStep[i];
                if ((_turned >> i & 1) == 0) continue;
                laid[i] = scratch.Pointer + (i - 1) * Bytes;
                laidColumnStep[i] = _nest._size[i];
                laidRowStep[i] = columns * _nest._size[i];
                Strides.Turn(block[i], columnStep[i], laid[i], laidRowStep[i], rows, columns, _nest._size[i]);
            }

            Rows(laid, laidRowStep, laidColumnStep, rows, columns);
        }
    }
}
