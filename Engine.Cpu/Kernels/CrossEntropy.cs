using System.Numerics;
using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public void CrossEntropy(Tensor logits, Tensor target, long ignoreIndex, double smoothing, Tensor loss, Tensor lse)
    {
        if (logits.DType == DType.Float32) CrossEntropy<float>(logits, target, ignoreIndex, smoothing, loss, lse);
        else CrossEntropy<double>(logits, target, ignoreIndex, smoothing, loss, lse);
    }

    /// <inheritdoc/>
    public void CrossEntropyVjp(Tensor g, Tensor logits, Tensor target, Tensor lse, long ignoreIndex, double smoothing, Tensor dlogits)
    {
        if (logits.DType == DType.Float32) CrossEntropyVjp<float>(g, logits, target, lse, ignoreIndex, smoothing, dlogits);
        else CrossEntropyVjp<double>(g, logits, target, lse, ignoreIndex, smoothing, dlogits);
    }

    private static unsafe void CrossEntropy<T>(
        Tensor logits, Tensor target, long ignoreIndex, double smoothing, Tensor loss, Tensor lse)
        where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
    {
        fixed (byte* px = &logits.Storage.HostData, pt = &target.Storage.HostData, po = &loss.Storage.HostData, ps = &lse.Storage.HostData)
        {
            var action = new CrossEntropyAction<T>(RowsOf(logits), (T*)px + logits.Offset, (long*)pt + target.Offset,
                ignoreIndex, smoothing, (T*)po + loss.Offset, (T*)ps + lse.Offset);
            Isa.Run<T, CrossEntropyAction<T>>(ref action);
        }
    }

    private static unsafe void CrossEntropyVjp<T>(
        Tensor g, Tensor logits, Tensor target, Tensor lse, long ignoreIndex, double smoothing, Tensor dlogits)
        where T : unmanaged, INumber<T>
    {
        fixed (byte* pg = &g.Storage.HostData, px = &logits.Storage.HostData, pt = &target.Storage.HostData,
            ps = &lse.Storage.HostData, pd = &dlogits.Storage.HostData)
        {
            var action = new CrossEntropyVjpAction<T>(RowsOf(logits), (T*)pg + g.Offset, (T*)px + logits.Offset,
                (long*)pt + target.Offset, (T*)ps + lse.Offset, ignoreIndex, smoothing, (T*)pd + dlogits.Offset);
            Isa.Run<T, CrossEntropyVjpAction<T>>(ref action);
        }
    }

    private readonly unsafe struct CrossEntropyAction<T>(
        LineTiles rows, T* logits, long* target, long ignoreIndex, double smoothing, T* loss, T* lse) : ILanesAction<T>
        where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            var body = new CrossEntropyTiles<V, T>(rows, logits, target, ignoreIndex, smoothing, loss, lse);
            WorkerPool.For(rows.Count, rows.Elements * 0.5, ref body);
        }
    }

    private readonly unsafe struct CrossEntropyVjpAction<T>(
        LineTiles rows, T* g, T* logits, long* target, T* lse, long ignoreIndex, double smoothing, T* dlogits) : ILanesAction<T>
        where T : unmanaged, INumber<T>
    {
        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            var body = new CrossEntropyVjpTiles<V, T>(rows, g, logits, target, lse, ignoreIndex, smoothing, dlogits);
            WorkerPool.For(rows.Count, rows.Elements * 0.7, ref body);
        }
    }

    /// <summary>The loss of a row in two visits: maximum, then Σ e^(x-m) (a third for Σ (x-m) when labels are smoothed). Both
    /// parts of the loss are formed from differences to m, so large logits cost no digits.</summary>
    private readonly unsafe struct CrossEntropyTiles<V, T>(
        LineTiles rows, T* logits, long* target, long ignoreIndex, double smoothing, T* loss, T* lse) : ITiles
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged, IFloatingPointIeee754<T>, IMinMaxValue<T>
    {
        public void Run(long tile)
        {
            var (row, end, _, n) = rows[tile];
            for (; row < end; row++)
            {
                var x = logits + row * n;
                var max = FoldReduction<V, T, T, T, MaxFold<V, T>>.Row(x, n);
                var logSum = Math.Log(RowSum.Of<V, T, ExponentialTerm<V, T>>(n, new(x, max)));
                lse[row] = T.CreateTruncating(double.CreateTruncating(max) + logSum);
                loss[row] = target[row] == ignoreIndex ? T.Zero : T.CreateTruncating(Loss(x, n, max, logSum, target[row]));
            }
        }

        private double Loss(T* x, int n, T max, double logSum, long label)
        {
            // A weight of 0 leaves its part out, even where that is infinite.
            double value = 0;
            if (smoothing < 1)
                value += (1 - smoothing) * (logSum + (double.CreateTruncating(max) - double.CreateTruncating(x[label])));
            if (smoothing > 0)
                value += smoothing * (logSum - RowSum.Of<V, T, DifferenceTerm<V, T>>(n, new(x, max)) / n);
            return value;
        }
    }

    /// <summary>g (softmax - (1-s) onehot - s/V) per row. The rounding of lse is a factor common to the row's exponentials,
    /// about ε |lse|; dividing by their sum removes it.</summary>
    private readonly unsafe struct CrossEntropyVjpTiles<V, T>(
        LineTiles rows, T* g, T* logits, long* target, T* lse, long ignoreIndex, double smoothing, T* dlogits) : ITiles
        where V : unmanaged, ILanes<V, T>
        where T : unmanaged, INumber<T>
    {
        public void Run(long tile)
        {
            var (row, end, _, n) = rows[tile];
            for (; row < end; row++)
            {
                var to = dlogits + row * n;
                if (target[row] == ignoreIndex)
                {
                    new Span<T>(to, n).Clear();
                    continue;
                }

                var sum = RowSum.Of<V, T, StoredExponentialTerm<V, T>>(n, new(logits + row * n, lse[row], to));
                var weight = double.CreateTruncating(g[row]);
                RowMap.Run<V, T, AffineTerm<V, T>>(
                    n, new(to, T.CreateTruncating(weight / sum), T.CreateTruncating(-weight * smoothing / n)), to);
                to[target[row]] -= T.CreateTruncating(weight * (1 - smoothing));
            }
        }
    }
}
