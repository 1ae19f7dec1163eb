using System.Runtime.CompilerServices;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>What follows a product, on a tile that was just written and lies in the first-level cache:
/// c = act(c + bias), with c + bias kept aside where the backward pass needs it.</summary>
internal static unsafe class MatMulEpilogue<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    /// <summary>Finishes the elements of some rows from <paramref name="column"/> on.</summary>
    public static void Run(MatMulProblem<T>* p, int row, int rows, int column, int width)
    {
        switch (p->Activation)
        {
            case Activation.None: Run<Identity>(p, row, rows, column, width); break;
            case Activation.Relu: Run<Relu>(p, row, rows, column, width); break;
            case Activation.Gelu: Run<Gelu>(p, row, rows, column, width); break;
            case Activation.GeluTanh: Run<GeluTanh>(p, row, rows, column, width); break;
            case Activation.Silu: Run<Silu>(p, row, rows, column, width); break;
            case Activation.Sigmoid: Run<Sigmoid>(p, row, rows, column, width); break;
            case Activation.Tanh: Run<Tanh>(p, row, rows, column, width); break;
            default: throw new ArgumentOutOfRangeException(nameof(p), p->Activation, "unknown activation");
        }
    }

    private static void Run<A>(MatMulProblem<T>* p, int row, int rows, int column, int width) where A : IActivation
    {
        for (var i = row; i < row + rows; i++)
        {
            var c = p->C + i * p->CRow + column;
            var keep = p->PreActivation == null ? null : p->PreActivation + i * p->PreActivationRow + column;
            var bias = p->Bias == null ? null : p->Bias + (nint)column * p->BiasStep;
            for (var x = 0; x < width; x += V.Count)
            {
                // Whole registers and the rest take the same arithmetic.
                var n = Math.Min(V.Count, width - x);
                var v = V.LoadPartial(c + x, n);
                if (bias != null) v += p->BiasStep == 0 ? V.Splat(*bias) : V.LoadPartial(bias + x, n);
                if (keep != null) V.StorePartial(v, keep + x, n);
                V.StorePartial(A.Of(v), c + x, n);
            }
        }
    }

    private interface IActivation
    {
        static abstract V Of(V x);
    }

    private struct Identity : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x) => x;
    }

    private struct Relu : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x) => V.Max(x, V.Zero);
    }

    private struct Gelu : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x) => LaneMath.Gelu<V, T>(x);
    }

    private struct GeluTanh : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x) => LaneMath.GeluTanh<V, T>(x);
    }

    private struct Silu : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x) => LaneMath.Silu<V, T>(x);
    }

    private struct Sigmoid : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x) => LaneMath.Sigmoid<V, T>(x);
    }

    private struct Tanh : IActivation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Of(V x) => LaneMath.Tanh<V, T>(x);
    }
}
