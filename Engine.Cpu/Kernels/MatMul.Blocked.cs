using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>One matrix product, cut into register tiles so that what is read again lies in a near cache.</summary>
/// <remarks>
/// <para>Rows go in strips of up to <see cref="MatMulTile{V,T}.MaxRows"/>, columns in panels of two registers, k in blocks.
/// In a block of B (k block × several panels, in the second-level cache) every strip of A (in the first) visits every
/// panel. Blocks along k continue one another's sums in C, so that the cutting does not show in the result.</para>
/// <para>Three ways, by shape alone. Tall products pack the block of B once for all threads, and each strip of A where
/// it is read often enough. Products with a small B of unit stride read it in place. Products of up to one strip of
/// rows read B once in any case: in place, in the order of memory, or panel by panel through a buffer in the first-level
/// cache when its columns are not side by side.</para>
/// </remarks>
internal static unsafe class BlockedMatMul<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    // A strip of A takes 12 kB of the first-level cache, a block of B three quarters of a second-level cache of 1 MB.
    private static int BlockK => 1024 / sizeof(T);
    private const int BlockBytes = 768 * 1024;

    // Up to here B is read in place: it stays in the second-level cache and its rows do not wear out the page table.
    private const int InPlaceBytes = 64 * 1024;

    // From this many panels on, reading a packed strip of A repays packing it.
    private const int PackFromPanels = 4;

    // Elements of a buffer that is cheaper on the stack than rented.
    private const int OnStack = 2048;

    private static int MaxRows => MatMulTile<V, T>.MaxRows;

    private static int PanelWidth => MatMulTile<V, T>.MaxColumns;

    /// <summary>Runs the product.</summary>
    public static void Run(ref MatMulProblem<T> problem)
    {
        fixed (MatMulProblem<T>* p = &problem)
        {
            var readable = problem.BColumn == 1;
            var small = (long)problem.K * problem.N * sizeof(T) <= InPlaceBytes;
            if (problem.M <= MatMulSweep<V, T>.MaxRows || (problem.M <= MaxRows && !(readable && !small && RowsCollide(p)))) RunStrip(p);
            else if (readable && small) RunInPlace(p);
            else RunPacked(p);
        }
    }

    /// <summary>True when the rows of B fall into a few sets of the caches and drive one another out.</summary>
    private static bool RowsCollide(MatMulProblem<T>* p) => p->BStep * sizeof(T) % 2048 == 0;

    private static int Panels(int columns) => (columns + PanelWidth - 1) / PanelWidth;

    private static int PanelWidthAt(int column, int end) => Math.Min(PanelWidth, end - column);

    /// <summary>Elements between rows of a packed panel: whole registers.</summary>
    private static int Pitch(int width) => width > V.Count ? 2 * V.Count : V.Count;

    // ---- One strip of rows ----

    private static void RunStrip(MatMulProblem<T>* p)
    {
        var panels = Panels(p->N);
        // Wide tiles: long runs in memory are read faster.
        var tiles = WorkerPool.Threads == 1 ? 1
            : (int)Math.Clamp(p->Nanoseconds / (WorkerPool.InlineCost / 2), 1, Math.Min(panels, 2 * WorkerPool.Threads));
        var body = new StripTiles { Problem = p, Panels = panels, Tiles = tiles };
        WorkerPool.For(tiles, p->Nanoseconds / tiles, ref body);
    }

    /// <summary>True for the few rows whose elements are dot products of two runs.</summary>
    private static bool IsDots(MatMulProblem<T>* p) => p->M <= MatMulSweep<V, T>.MaxRows && p->BStep == 1 && p->BColumn != 1;

    private struct StripTiles : ITiles
    {
        public MatMulProblem<T>* Problem;
        public int Panels, Tiles;

        public readonly void Run(long tile)
        {
            var first = (int)(Panels * tile / Tiles) * PanelWidth;
            var end = Math.Min(Problem->N, (int)(Panels * (tile + 1) / Tiles) * PanelWidth);
            if (Problem->BColumn == 1) Read(Problem, first, end);
            else if (IsDots(Problem)) Dots(Problem, first, end);
            else Buffer(Problem, first, end);
        }
    }

    /// <summary>B in place.</summary>
    private static void Read(MatMulProblem<T>* p, int first, int end)
    {
        if (p->M <= MatMulSweep<V, T>.MaxRows)
        {
            MatMulSweep<V, T>.Run(p, first, end);
            if (!p->IsPlain) MatMulEpilogue<V, T>.Run(p, 0, p->M, first, end - first);
            return;
        }

        for (var column = first; column < end; column += PanelWidth)
            Tile(p, 0, p->M, column, PanelWidthAt(column, end), p->A, p->ARow, p->AStep, 0, p->K);
    }

    private static void Dots(MatMulProblem<T>* p, int first, int end)
    {
        if (p->AStep == 1)
        {
            MatMulDots<V, T>.Run(p, p->A, p->ARow, first, end);
        }
        else
        {
            using var scratch = new Scratch<T>(p->M * p->K);
            for (var row = 0; row < p->M; row++)
                Strides.Gather((byte*)(p->A + row * p->ARow), p->AStep * sizeof(T), scratch.Pointer + row * p->K, p->K);
            MatMulDots<V, T>.Run(p, scratch.Pointer, p->K, first, end);
        }

        if (!p->IsPlain) MatMulEpilogue<V, T>.Run(p, 0, p->M, first, end - first);
    }

    /// <summary>Lays B out panel by panel just before its use.</summary>
    private static void Buffer(MatMulProblem<T>* p, int first, int end)
    {
        var blockK = Math.Min(BlockK, p->K);
        using var scratch = new Scratch<T>(blockK * PanelWidth + MatMulPack<V, T>.Slack);
        var buffer = scratch.Pointer;
        for (var column = first; column < end; column += PanelWidth)
        {
            var width = PanelWidthAt(column, end);
            var k0 = 0;
            do
            {
                var k = Math.Min(blockK, p->K - k0);
                MatMulPack<V, T>.Run(p->B + k0 * p->BStep + column * p->BColumn, p->BStep, p->BColumn, k, width, buffer, Pitch(width));
                Tile(p, 0, p->M, column, width, p->A + k0 * p->AStep, p->ARow, p->AStep, buffer, Pitch(width), k0, k);
                k0 += k;
            }
            while (k0 < p->K);
        }
    }

    // ---- Many strips ----

    private static void RunInPlace(MatMulProblem<T>* p)
    {
        var body = new BlockTiles { Problem = p, Columns = p->N, K = p->K };
        body.Share();
        WorkerPool.For(body.Tiles, body.Nanoseconds, ref body);
    }

    private static void RunPacked(MatMulProblem<T>* p)
    {
        // Blocks of nearly equal size: a short last one would cost a pass over C all the same.
        var blocksK = Math.Max(1, (p->K + BlockK - 1) / BlockK);
        var blockK = (p->K + blocksK - 1) / blocksK;
        var panels = Panels(p->N);
        var most = Math.Max(1, BlockBytes / (PanelWidth * Math.Max(1, blockK) * sizeof(T)));
        var blocks = (panels + most - 1) / most;
        var blockPanels = (panels + blocks - 1) / blocks;
        var panel = (long)blockK * PanelWidth;
        using var scratch = new Scratch<T>(blockPanels * panel + MatMulPack<V, T>.Slack);
        var body = new BlockTiles { Problem = p, Packed = scratch.Pointer, Panel = panel };
        for (var column = 0; column < p->N; column += blockPanels * PanelWidth)
        {
            body.Column = column;
            body.Columns = Math.Min(blockPanels * PanelWidth, p->N - column);
            body.K0 = 0;
            do
            {
                body.K = Math.Min(blockK, p->K - body.K0);
                var pack = new PackTiles { Block = &body };
                WorkerPool.For(pack.Tiles, body.Columns * body.K / 3.0 / pack.Tiles, ref pack);
                body.Share();
                WorkerPool.For(body.Tiles, body.Nanoseconds, ref body);
                body.K0 += body.K;
            }
            while (body.K0 < p->K);
        }
    }

    /// <summary>Packs the block of B, in pieces that lie together in memory: a panel where its columns run along k, a few
    /// rows of all panels otherwise.</summary>
    private struct PackTiles : ITiles
    {
        private const int Rows = 16;

        public BlockTiles* Block;

        public readonly bool ByRows => Block->Problem->BColumn == 1;

        public readonly int Tiles => ByRows ? (Block->K + Rows - 1) / Rows : Panels(Block->Columns);

        public readonly void Run(long tile)
        {
            var p = Block->Problem;
            if (!ByRows)
            {
                Pack(p, (int)tile, 0, Block->K);
                return;
            }

            var first = (int)tile * Rows;
            var k = Math.Min(Rows, Block->K - first);
            for (var panel = 0; panel < Panels(Block->Columns); panel++) Pack(p, panel, first, k);
        }

        private readonly void Pack(MatMulProblem<T>* p, int panel, int first, int k)
        {
            var width = PanelWidthAt(panel * PanelWidth, Block->Columns);
            var source = p->B + (Block->K0 + first) * p->BStep + (Block->Column + panel * PanelWidth) * p->BColumn;
            MatMulPack<V, T>.Run(source, p->BStep, p->BColumn, k, width,
                Block->Packed + panel * Block->Panel + first * Pitch(width), Pitch(width));
        }
    }

    /// <summary>All strips of A by one block of B, cut into groups of strips and, if these are few, of panels.</summary>
    private struct BlockTiles : ITiles
    {
        public MatMulProblem<T>* Problem;

        /// <summary>The block of B in panels; null: B in place.</summary>
        public T* Packed;

        /// <summary>Elements of a packed panel.</summary>
        public long Panel;

        public int Column, Columns, K0, K;

        private int _strips, _panels, _stripGroups, _panelGroups;

        public readonly int Tiles => _stripGroups * _panelGroups;

        public double Nanoseconds { get; private set; }

        /// <summary>Chooses the groups. They do not show in the result, so they may depend on the number of threads.</summary>
        public void Share()
        {
            _strips = (Problem->M + MaxRows - 1) / MaxRows;
            _panels = Panels(Columns);
            var work = 2.0 * Problem->M * Columns * K / (sizeof(T) == 4 ? 60 : 30);
            var wanted = WorkerPool.Threads == 1 ? 1 : (int)Math.Clamp(work / (WorkerPool.InlineCost / 2), 1, 4 * WorkerPool.Threads);
            _stripGroups = Math.Min(_strips, wanted);
            _panelGroups = Math.Min(_panels, (wanted + _stripGroups - 1) / _stripGroups);
            Nanoseconds = work / Tiles;
        }

        public readonly void Run(long tile)
        {
            var stripGroup = tile / _panelGroups;
            var panelGroup = tile % _panelGroups;
            var firstPanel = (int)(_panels * panelGroup / _panelGroups);
            var endPanel = (int)(_panels * (panelGroup + 1) / _panelGroups);
            if (endPanel - firstPanel < PackFromPanels)
            {
                Run(stripGroup, firstPanel, endPanel, null);
                return;
            }

            using var scratch = new Scratch<T>(K * MaxRows + MatMulPack<V, T>.Slack);
            Run(stripGroup, firstPanel, endPanel, scratch.Pointer);
        }

        /// <summary>A group of strips by some panels, the strips packed if there is a <paramref name="buffer"/>.</summary>
        private readonly void Run(long stripGroup, int firstPanel, int endPanel, T* buffer)
        {
            var p = Problem;
            var end = Column + Columns;
            for (var strip = _strips * stripGroup / _stripGroups; strip < _strips * (stripGroup + 1) / _stripGroups; strip++)
            {
                // Strips of equal height (to one row): a short last strip would run at a fraction of the speed.
                var row = (int)(p->M * strip / _strips);
                var rows = (int)(p->M * (strip + 1) / _strips) - row;
                var a = p->A + row * p->ARow + K0 * p->AStep;
                nint aRow = p->ARow, aStep = p->AStep;
                if (buffer != null)
                {
                    MatMulPack<V, T>.Run(a, aStep, aRow, K, rows, buffer, rows);
                    a = buffer;
                    aRow = 1;
                    aStep = rows;
                }

                for (var panel = firstPanel; panel < endPanel; panel++)
                {
                    var column = Column + panel * PanelWidth;
                    var width = PanelWidthAt(column, end);
                    if (Packed == null) Tile(p, row, rows, column, width, a, aRow, aStep, K0, K);
                    else Tile(p, row, rows, column, width, a, aRow, aStep, Packed + panel * Panel, Pitch(width), K0, K);
                }
            }
        }
    }

    // ---- One register tile ----

    /// <summary>A tile with B in place. Reading whole registers at the right edge would leave the matrix, so a narrow panel
    /// goes through a buffer.</summary>
    [SkipLocalsInit]
    private static void Tile(MatMulProblem<T>* p, int row, int rows, int column, int width, T* a, nint aRow, nint aStep,
        int k0, int k)
    {
        var b = p->B + k0 * p->BStep + column;
        if (width == Pitch(width))
        {
            Tile(p, row, rows, column, width, a, aRow, aStep, b, p->BStep, k0, k);
            return;
        }

        var size = k * Pitch(width) + MatMulPack<V, T>.Slack;
        if (size <= OnStack)
        {
            var buffer = stackalloc T[OnStack];
            Tile(p, row, rows, column, width, a, aRow, aStep, b, k0, k, buffer);
            return;
        }

        using var scratch = new Scratch<T>(size);
        Tile(p, row, rows, column, width, a, aRow, aStep, b, k0, k, scratch.Pointer);
    }

    private static void Tile(MatMulProblem<T>* p, int row, int rows, int column, int width, T* a, nint aRow, nint aStep,
        T* b, int k0, int k, T* buffer)
    {
        MatMulPack<V, T>.Run(b, p->BStep, 1, k, width, buffer, Pitch(width));
        Tile(p, row, rows, column, width, a, aRow, aStep, buffer, Pitch(width), k0, k);
    }

    [SkipLocalsInit]
    private static void Tile(MatMulProblem<T>* p, int row, int rows, int column, int width, T* a, nint aRow, nint aStep,
        T* b, nint bStep, int k0, int k)
    {
        var registers = width > V.Count ? 2 : 1;
        var c = p->C + row * p->CRow + column;
        var accumulate = p->Accumulate || k0 > 0;
        if (width == registers * V.Count)
        {
            MatMulTile<V, T>.Run(rows, registers, a, aRow, aStep, b, bStep, c, p->CRow, k, accumulate);
        }
        else
        {
            var edge = stackalloc T[MaxRows * PanelWidth];
            var pitch = registers * V.Count;
            if (accumulate) CopyEdge(c, p->CRow, edge, pitch, rows, width, intoEdge: true);
            MatMulTile<V, T>.Run(rows, registers, a, aRow, aStep, b, bStep, edge, pitch, k, accumulate);
            CopyEdge(c, p->CRow, edge, pitch, rows, width, intoEdge: false);
        }

        if (!p->IsPlain && k0 + k == p->K) MatMulEpilogue<V, T>.Run(p, row, rows, column, width);
    }

    private static void CopyEdge(T* c, nint cRow, T* edge, nint pitch, int rows, int width, bool intoEdge)
    {
        for (; rows > 0; rows--, c += cRow, edge += pitch)
        {
            var rest = width;
            if (rest > V.Count)
            {
                if (intoEdge) V.Store(V.Load(c), edge);
                else V.Store(V.Load(edge), c);
                rest -= V.Count;
            }

            var x = width - rest;
            if (intoEdge) V.Store(V.LoadPartial(c + x, rest), edge + x);
            else V.StorePartial(V.Load(edge + x), c + x, rest);
        }
    }
}
