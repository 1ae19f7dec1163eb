using System.Runtime.CompilerServices;

namespace Edifice.Engine.Autograd;

/// <summary>Matrix products of float32 tensors with 16-bit factors: <c>using (MixedPrecision.Products(DType.BFloat16)) loss = …</c></summary>
/// <remarks>
/// <para>Inside the region, in its thread, <see cref="Tensor.MatMul"/>, <see cref="Tensor.Linear"/> and
/// <see cref="Tensor.BlockDiagonalLinear"/> of float32 tensors round both factors to the narrow type; sums, bias, activation and
/// result are float32. Everything else stays float32: parameters, norms, softmax, fused attention, recurrences and the products inside
/// them, losses. Tensors of other dtypes are not affected.</para>
/// <para>The tape saves the narrow factors, not the float32 ones. The backward pass multiplies in the same narrow type, the cotangent
/// rounded to it, into float32 gradients, whether or not the region is still open; so do gradients of gradients.</para>
/// <para>float16 ends at 65504, and its numbers below 6e-8 are 0: train with <c>LossScale</c>. bfloat16 has float32's range.</para>
/// </remarks>
public static class MixedPrecision
{
    [ThreadStatic] private static NarrowCopies? s_copies;

    /// <summary>The type to which factors are rounded in this thread; Float32: they are not.</summary>
    public static DType ProductType => s_copies?.Type ?? DType.Float32;

    /// <summary>Multiplies float32 tensors in another type until the result is disposed; regions nest.</summary>
    /// <param name="dtype">BFloat16, Float16, or Float32 to have float32 products inside a region.</param>
    /// <exception cref="TensorException">Another dtype.</exception>
    public static Region Products(DType dtype)
    {
        if (dtype != DType.Float32 && !dtype.IsNarrowFloat())
            throw new TensorException($"MixedPrecision.Products: products are computed in BFloat16, Float16 or Float32, not in {dtype}");
        return new(dtype == DType.Float32 ? null : new NarrowCopies(dtype));
    }

    /// <summary>True when a product of these operands has narrow factors.</summary>
    internal static bool Narrows(Tensor a, Tensor b) => s_copies is not null && a.DType == DType.Float32 && b.DType == DType.Float32;

    /// <summary>A float32 factor of a product in the region's type.</summary>
    internal static Tensor Narrow(Tensor x) => s_copies!.Of(x);

    /// <summary>A float32 tensor rounded to a 16-bit type, with the gradient in float32.</summary>
    internal static Tensor Rounded(Tensor x, DType dtype)
    {
        var y = x.AllocateLike(dtype);
        x.Backend.Copy(x, y);
        // An object of its own, so that the pass can free the cotangent when its last reader is done.
        y = Tape.Record("round", y, [x], [], static (_, g) => [g[0]!.Alias()]);
        if (y.Record is { } record) record.DType = DType.Float32;
        return y;
    }

    /// <summary>A backward pass begins: narrow copies now live as long as the tape needs them.</summary>
    internal static Region EndForBackward()
    {
        s_copies?.Forget();
        return new(null);
    }

    /// <summary>A span of time with its own type of products.</summary>
    public readonly struct Region : IDisposable
    {
        private readonly NarrowCopies? _before;

        internal Region(NarrowCopies? copies)
        {
            _before = s_copies;
            s_copies = copies;
        }

        /// <summary>Restores the type from before.</summary>
        public void Dispose()
        {
            s_copies?.Forget();
            s_copies = _before;
        }
    }

    /// <summary>The narrow copies of one region. What several products read (the input of queries, keys and values, a weight in every
    /// step) is rounded and saved once.</summary>
    internal sealed class NarrowCopies(DType type)
    {
        private readonly ConditionalWeakTable<Tensor, Copy> _copies = [];

        public DType Type => type;

        public Tensor Of(Tensor x)
        {
            // Where the tape does not keep a copy anyway, nothing else shall.
            if (!Tape.Watches(x) || CheckpointFrame.Current is not null) return Rounded(x, type);
            if (_copies.TryGetValue(x, out var old))
            {
                if (old.Version == x.Storage.Version && ReferenceEquals(old.Source, x.Record) && !old.Narrow.IsDisposed) return old.Narrow;
                _copies.Remove(x);
            }

            var y = Rounded(x, type);
            _copies.Add(x, new Copy(y, x.Storage.Version, x.Record!));
            return y;
        }

        public void Forget()
        {
            foreach (var (_, copy) in _copies) copy.Narrow.Dispose();
            _copies.Clear();
        }

        private sealed record Copy(Tensor Narrow, int Version, GradientRecord Source);
    }
}
