using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>From tensors to matrix products: finds the axes that can join the rows, and shares out the rest.</summary>
internal static unsafe class BatchedMatMul
{
    public static void Run<T>(Tensor a, Tensor b, Tensor y, in Epilogue epilogue) where T : unmanaged
    {
        fixed (byte* pa = &a.Storage.HostData, pb = &b.Storage.HostData, py = &y.Storage.HostData)
        fixed (T* pbias = &Operand.First<T>(epilogue.Bias), ppre = &Operand.First<T>(epilogue.PreActivation))
        {
            int[] shapeA = a.Layout.Dims, shapeY = y.Layout.Dims;
            long[] stepsA = a.Layout.Strides, stepsB = b.Layout.Strides, stepsY = y.Layout.Strides;
            var stepsP = epilogue.PreActivation?.Layout.Strides;
            var problem = new MatMulProblem<T>
            {
                M = shapeY[^2], N = shapeY[^1], K = shapeA[^1],
                A = (T*)pa + a.Offset, ARow = (nint)stepsA[^2], AStep = (nint)stepsA[^1],
                B = (T*)pb + b.Offset, BStep = (nint)stepsB[^2], BColumn = (nint)stepsB[^1],
                C = (T*)py + y.Offset, CRow = (nint)stepsY[^2],
                Activation = epilogue.Activation, Accumulate = epilogue.Accumulate, BiasStep = 1,
            };
            if (epilogue.Bias is { } bias)
            {
                problem.Bias = pbias;
                problem.BiasStep = (int)bias.Layout.Strides[^1];
            }

            if (epilogue.PreActivation is { } pre)
            {
                problem.PreActivation = ppre;
                problem.PreActivationRow = (nint)stepsP![^2];
            }

            var batch = new MatMulBatch<T>();
            for (var axis = 0; axis < shapeY.Length - 2; axis++)
                if (shapeY[axis] > 1) batch.Add(shapeY[axis], stepsA[axis], stepsB[axis], stepsY[axis], stepsP?[axis] ?? 0);
            batch.FoldIntoRows(ref problem);

            // One column: as a row it fills the registers. The bits stay, the order of two factors being all that changes.
            var column = problem.N == 1 && (problem.M == 1 || problem.CRow == 1)
                && (problem.PreActivation == null || problem.M == 1 || problem.PreActivationRow == 1);
            batch.Problem = problem;
            if (column) batch.Transpose();

            if (Isa.Has512 && batch.Problem.N > Lanes256<T>.Count) Run<Lanes512<T>, T>(ref batch);
            else if (Isa.Has256) Run<Lanes256<T>, T>(ref batch);
            else Run<Lanes128<T>, T>(ref batch);
        }
    }

    /// <summary>Runs every product of a batch in registers of type <typeparamref name="V"/>; the width does not show in
    /// the result.</summary>
    public static void Run<V, T>(ref MatMulBatch<T> batch)
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
    {
        if (batch.Count == 1)
        {
            BlockedMatMul<V, T>.Run(ref batch.Problem);
            return;
        }

        // Enough products, or small ones: one thread each. Few large ones: all threads on each in turn.
        var each = batch.Problem.Nanoseconds;
        if (batch.Count >= 2 * WorkerPool.Threads || each < 4 * WorkerPool.InlineCost)
        {
            var perTile = Math.Clamp((long)(WorkerPool.InlineCost / 2 / each), 1, batch.Count);
            fixed (MatMulBatch<T>* p = &batch)
            {
                var tiles = new BatchTiles<V, T> { Batch = p, PerTile = perTile };
                WorkerPool.For((batch.Count + perTile - 1) / perTile, perTile * each, ref tiles);
            }
        }
        else
        {
            for (long i = 0; i < batch.Count; i++)
            {
                var problem = batch.Item(i);
                BlockedMatMul<V, T>.Run(ref problem);
            }
        }
    }

    private struct BatchTiles<V, T> : ITiles
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged
    {
        public MatMulBatch<T>* Batch;
        public long PerTile;

        public void Run(long tile)
        {
            var end = Math.Min(Batch->Count, (tile + 1) * PerTile);
            for (var i = tile * PerTile; i < end; i++)
            {
                var problem = Batch->Item(i);
                BlockedMatMul<V, T>.Run(ref problem);
            }
        }
    }
}

/// <summary>Matrix products of one shape, one for each index of the leading axes.</summary>
internal unsafe struct MatMulBatch<T> where T : unmanaged
{
    /// <summary>The first product.</summary>
    public MatMulProblem<T> Problem;

    private int _rank;
    private fixed int _extent[Shape.MaxRank];
    private fixed long _stepA[Shape.MaxRank], _stepB[Shape.MaxRank], _stepC[Shape.MaxRank], _stepP[Shape.MaxRank];

    public MatMulBatch() => Count = 1;

    /// <summary>How many products there are.</summary>
    public long Count { get; private set; }

    /// <summary>Adds an axis inside those added before.</summary>
    public void Add(int extent, long stepA, long stepB, long stepC, long stepP)
    {
        _extent[_rank] = extent;
        _stepA[_rank] = stepA;
        _stepB[_rank] = stepB;
        _stepC[_rank] = stepC;
        _stepP[_rank++] = stepP;
        Count *= extent;
    }

    /// <summary>Makes rows of the axes along which B stands still, where one stride then serves them all: [B, L, K] by a
    /// shared [K, N] is one product of B L rows.</summary>
    public void FoldIntoRows(ref MatMulProblem<T> p)
    {
        for (var axis = _rank - 1; axis >= 0; axis--)
        {
            if (_stepB[axis] != 0 || (long)p.M * _extent[axis] > int.MaxValue) continue;
            if (p.M == 1)
            {
                p.ARow = (nint)_stepA[axis];
                p.CRow = (nint)_stepC[axis];
                p.PreActivationRow = (nint)_stepP[axis];
            }
            else if (_stepA[axis] != p.M * (long)p.ARow || _stepC[axis] != p.M * (long)p.CRow
                || (p.PreActivation != null && _stepP[axis] != p.M * (long)p.PreActivationRow))
            {
                continue;
            }

            p.M *= _extent[axis];
            Count /= _extent[axis];
            _rank--;
            for (var i = axis; i < _rank; i++)
            {
                _extent[i] = _extent[i + 1];
                _stepA[i] = _stepA[i + 1];
                _stepB[i] = _stepB[i + 1];
                _stepC[i] = _stepC[i + 1];
                _stepP[i] = _stepP[i + 1];
            }
        }
    }

    /// <summary>Turns products by a single column into those of a single row.</summary>
    public void Transpose()
    {
        Problem = Problem.Transposed();
        for (var axis = 0; axis < _rank; axis++) (_stepA[axis], _stepB[axis]) = (_stepB[axis], _stepA[axis]);
    }

    /// <summary>Product number <paramref name="index"/> in row-major order of the axes.</summary>
    public readonly MatMulProblem<T> Item(long index)
    {
        var p = Problem;
        for (var axis = _rank - 1; axis >= 0; axis--)
        {
            var i = index % _extent[axis];
            index /= _extent[axis];
            p.A += i * _stepA[axis];
            p.B += i * _stepB[axis];
            p.C += i * _stepC[axis];
            if (p.PreActivation != null) p.PreActivation += i * _stepP[axis];
        }

        return p;
    }
}
