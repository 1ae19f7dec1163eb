using System.Numerics;
using Edifice.Engine;
using Edifice.Engine.Cuda.Driver;

namespace PtxEmulator.Libraries;

/// <summary>cuBLAS by plain loops over an emulated card's memory. Refuses what cuBLAS refuses.</summary>
internal sealed class EmulatedBlas(ICudaDriver driver) : IDeviceBlas
{
    /// <inheritdoc/>
    public void Multiply(in BatchedProduct product, DevicePointer a, DevicePointer b, DevicePointer c, StreamHandle stream)
    {
        if (product.M < 0 || product.N < 0 || product.K < 0 || product.Batch < 0) throw new ArgumentException($"a negative extent: {product}");
        Leading("A", product.LeadingA, product.TransposeA ? product.K : product.M);
        Leading("B", product.LeadingB, product.TransposeB ? product.N : product.K);
        Leading("C", product.LeadingC, product.M);
        if (product.Batch > 1 && Math.Abs(product.StrideC) < product.M) throw new ArgumentException($"the products of the batch overlap: {product}");
        switch (product.Operands, product.Result)
        {
            case (DType.Float32, DType.Float32): Run<float, float, float>(product, a, b, c, stream, Same, Same, Same); break;
            case (DType.Float64, DType.Float64): Run<double, double, double>(product, a, b, c, stream, Same, Same, Same); break;
            case (DType.Float16, DType.Float32): Run<Half, float, float>(product, a, b, c, stream, FromHalf, Same, Same); break;
            case (DType.Float16, DType.Float16): Run<Half, float, Half>(product, a, b, c, stream, FromHalf, FromHalf, x => (Half)x); break;
            case (DType.BFloat16, DType.Float32): Run<ushort, float, float>(product, a, b, c, stream, FromBFloat16, Same, Same); break;
            case (DType.BFloat16, DType.BFloat16):
                Run<ushort, float, ushort>(product, a, b, c, stream, FromBFloat16, FromBFloat16, ToBFloat16);
                break;
            default: throw new ArgumentException($"no products of {product.Operands} into {product.Result}");
        }
    }

    private static T Same<T>(T x) => x;

    private static float FromHalf(Half x) => (float)x;

    private static float FromBFloat16(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>To nearest even; a NaN stays one.</summary>
    private static ushort ToBFloat16(float x)
    {
        var bits = BitConverter.SingleToUInt32Bits(x);
        return (ushort)((float.IsNaN(x) ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }

    /// <summary>Products of <typeparamref name="T"/>, summed in <typeparamref name="TSum"/> and rounded to <typeparamref name="TResult"/>.</summary>
    private void Run<T, TSum, TResult>(
        in BatchedProduct p, DevicePointer a, DevicePointer b, DevicePointer c, StreamHandle stream,
        Converter<T, TSum> widen, Converter<TResult, TSum> widenResult, Converter<TSum, TResult> round)
        where T : unmanaged where TSum : unmanaged, IBinaryFloatingPointIeee754<TSum> where TResult : unmanaged
    {
        if (p.M == 0 || p.N == 0) return;
        TSum alpha = TSum.CreateChecked(p.Alpha), beta = TSum.CreateChecked(p.Beta);
        TSum[] x = [], y = [];
        for (var i = 0; i < p.Batch; i++)
        {
            if (i == 0 || p.StrideA != 0) x = Array.ConvertAll(Rows<T>(At<T>(a, i * p.StrideA), p.M, p.K, p.LeadingA, p.TransposeA, stream), widen);
            if (i == 0 || p.StrideB != 0) y = Array.ConvertAll(Rows<T>(At<T>(b, i * p.StrideB), p.N, p.K, p.LeadingB, !p.TransposeB, stream), widen);
            var at = At<TResult>(c, i * p.StrideC);
            var z = p.Beta == 0 ? new TResult[p.M * p.N] : DeviceMatrix.Read<TResult>(driver, at, p.M, p.N, p.LeadingC, stream);
            for (var column = 0; column < p.N; column++)
                for (var row = 0; row < p.M; row++)
                {
                    var sum = TSum.Zero;
                    ReadOnlySpan<TSum> u = x.AsSpan(row * p.K, p.K), v = y.AsSpan(column * p.K, p.K);
                    for (var k = 0; k < u.Length; k++) sum = TSum.FusedMultiplyAdd(u[k], v[k], sum);
                    ref var result = ref z[column * p.M + row];
                    result = round(p.Beta == 0 ? alpha * sum : alpha * sum + beta * widenResult(result));
                }

            DeviceMatrix.Write<TResult>(driver, z, at, p.M, p.N, p.LeadingC, stream);
        }
    }

    /// <summary>A matrix [rows, k] row by row; its memory holds the columns, or with <paramref name="transposed"/> the rows.</summary>
    private T[] Rows<T>(DevicePointer start, int rows, int k, int leading, bool transposed, StreamHandle stream) where T : unmanaged
    {
        if (transposed) return DeviceMatrix.Read<T>(driver, start, k, rows, leading, stream);
        var columns = DeviceMatrix.Read<T>(driver, start, rows, k, leading, stream);
        var values = new T[columns.Length];
        for (var j = 0; j < k; j++)
            for (var i = 0; i < rows; i++) values[i * k + j] = columns[j * rows + i];
        return values;
    }

    private static unsafe DevicePointer At<T>(DevicePointer start, long elements) where T : unmanaged => new(start.Address + (ulong)(elements * sizeof(T)));

    private static void Leading(string matrix, int leading, int rows)
    {
        if (leading < Math.Max(1, rows)) throw new ArgumentException($"the leading dimension of {matrix} is {leading}, with {rows} rows in memory");
    }
}
