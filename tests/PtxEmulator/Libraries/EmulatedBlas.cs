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
        switch (product.Type)
        {
            case DType.Float32: Run<float>(product, a, b, c, stream); break;
            case DType.Float64: Run<double>(product, a, b, c, stream); break;
            default: throw new ArgumentException($"no products of {product.Type}");
        }
    }

    private void Run<T>(in BatchedProduct p, DevicePointer a, DevicePointer b, DevicePointer c, StreamHandle stream) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (p.M == 0 || p.N == 0) return;
        T alpha = T.CreateChecked(p.Alpha), beta = T.CreateChecked(p.Beta);
        T[] x = [], y = [];
        for (var i = 0; i < p.Batch; i++)
        {
            if (i == 0 || p.StrideA != 0) x = Rows<T>(At<T>(a, i * p.StrideA), p.M, p.K, p.LeadingA, p.TransposeA, stream);
            if (i == 0 || p.StrideB != 0) y = Rows<T>(At<T>(b, i * p.StrideB), p.N, p.K, p.LeadingB, !p.TransposeB, stream);
            var at = At<T>(c, i * p.StrideC);
            var z = p.Beta == 0 ? new T[p.M * p.N] : DeviceMatrix.Read<T>(driver, at, p.M, p.N, p.LeadingC, stream);
            for (var column = 0; column < p.N; column++)
                for (var row = 0; row < p.M; row++)
                {
                    var sum = T.Zero;
                    ReadOnlySpan<T> u = x.AsSpan(row * p.K, p.K), v = y.AsSpan(column * p.K, p.K);
                    for (var k = 0; k < u.Length; k++) sum = T.FusedMultiplyAdd(u[k], v[k], sum);
                    ref var result = ref z[column * p.M + row];
                    result = p.Beta == 0 ? alpha * sum : alpha * sum + beta * result;
                }

            DeviceMatrix.Write<T>(driver, z, at, p.M, p.N, p.LeadingC, stream);
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
