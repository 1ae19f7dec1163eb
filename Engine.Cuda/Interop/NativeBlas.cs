using Edifice.Engine.Cuda.Driver;

namespace Edifice.Engine.Cuda.Interop;

/// <summary>cuBLAS on one card. The library is looked for when a product is first asked for: whoever multiplies no matrices needs none.</summary>
/// <remarks>float32 is computed in float32: TF32, which keeps ten bits of the factors, only where
/// <see cref="CudaBackend.TensorFloat32"/> asks for it.</remarks>
internal sealed unsafe class NativeBlas(NativeDriver driver) : IDeviceBlas
{
    private const int DefaultMath = 0, TensorFloat32Math = 3;

    /// <summary>Parts of a split sum are added in float32 too, not in the type of the result.</summary>
    private const int FullPrecisionReduction = 16;

    private const int SumsInSingle = 68, AnyAlgorithm = -1;

    private readonly Lock _lock = new();
    private nint _handle, _stream;
    private int _math = DefaultMath;
    private delegate* unmanaged<nint, nint, int> _setStream;
    private delegate* unmanaged<nint, int, int> _setMathMode;
    private delegate* unmanaged<nint, int, int, int, int, int, float*, ulong, int, ulong, int, float*, ulong, int, int> _single;
    private delegate* unmanaged<nint, int, int, int, int, int, double*, ulong, int, ulong, int, double*, ulong, int, int> _double;
    private delegate* unmanaged<nint, int, int, int, int, int, float*, ulong, int, long, ulong, int, long, float*, ulong, int, long, int, int> _singleBatched;
    private delegate* unmanaged<nint, int, int, int, int, int, double*, ulong, int, long, ulong, int, long, double*, ulong, int, long, int, int> _doubleBatched;
    private delegate* unmanaged<nint, int, int, int, int, int, void*, ulong, int, int, long, ulong, int, int, long, void*, ulong, int, int, long, int, int, int, int> _narrow;

    /// <inheritdoc/>
    public void Multiply(in BatchedProduct product, DevicePointer a, DevicePointer b, DevicePointer c, StreamHandle stream)
    {
        var p = product;
        lock (_lock)
        {
            driver.Enter();
            if (_handle == 0) Open();
            if (_stream != stream.Value)
            {
                Check(_setStream(_handle, stream.Value), "setting the stream", p);
                _stream = stream.Value;
            }

            var math = p.Operands.IsNarrowFloat() ? FullPrecisionReduction : CudaBackend.TensorFloat32 ? TensorFloat32Math : DefaultMath;
            if (_math != math)
            {
                Check(_setMathMode(_handle, math), "setting the math mode", p);
                _math = math;
            }

            int ta = p.TransposeA ? 1 : 0, tb = p.TransposeB ? 1 : 0;
            if (p.Operands.IsNarrowFloat())
            {
                float alpha = (float)p.Alpha, beta = (float)p.Beta;
                int operands = DataType(p.Operands), result = DataType(p.Result);
                Check(
                    _narrow(_handle, ta, tb, p.M, p.N, p.K, &alpha, a.Address, operands, p.LeadingA, p.StrideA, b.Address, operands, p.LeadingB, p.StrideB,
                        &beta, c.Address, result, p.LeadingC, p.StrideC, p.Batch, SumsInSingle, AnyAlgorithm),
                    "multiplying", p);
            }
            else if (p.Operands == DType.Float64)
            {
                double alpha = p.Alpha, beta = p.Beta;
                Check(p.Batch == 1
                    ? _double(_handle, ta, tb, p.M, p.N, p.K, &alpha, a.Address, p.LeadingA, b.Address, p.LeadingB, &beta, c.Address, p.LeadingC)
                    : _doubleBatched(_handle, ta, tb, p.M, p.N, p.K, &alpha, a.Address, p.LeadingA, p.StrideA, b.Address, p.LeadingB, p.StrideB, &beta, c.Address, p.LeadingC, p.StrideC, p.Batch),
                    "multiplying", p);
            }
            else
            {
                float alpha = (float)p.Alpha, beta = (float)p.Beta;
                Check(p.Batch == 1
                    ? _single(_handle, ta, tb, p.M, p.N, p.K, &alpha, a.Address, p.LeadingA, b.Address, p.LeadingB, &beta, c.Address, p.LeadingC)
                    : _singleBatched(_handle, ta, tb, p.M, p.N, p.K, &alpha, a.Address, p.LeadingA, p.StrideA, b.Address, p.LeadingB, p.StrideB, &beta, c.Address, p.LeadingC, p.StrideC, p.Batch),
                    "multiplying", p);
            }
        }
    }

    /// <summary>The value of cudaDataType.</summary>
    private static int DataType(DType dtype) => dtype switch
    {
        DType.Float16 => 2,
        DType.BFloat16 => 14,
        _ => 0,
    };

    private void Open()
    {
        var library = LibraryProbe.Find(LibraryProbe.BlasNames(driver.Describe().DriverVersion / 1000));
        if (library.Handle == 0)
            throw new CudaException($"a matrix product needs cuBLAS, which was not found (tried {string.Join(", ", library.Tried)}): install it with the CUDA toolkit, or use Device.Cpu");
        void* At(string name) => library.Function(name, "this is not a cuBLAS of CUDA 11 or later");
        _setStream = (delegate* unmanaged<nint, nint, int>)At("cublasSetStream_v2");
        _setMathMode = (delegate* unmanaged<nint, int, int>)At("cublasSetMathMode");
        _single = (delegate* unmanaged<nint, int, int, int, int, int, float*, ulong, int, ulong, int, float*, ulong, int, int>)At("cublasSgemm_v2");
        _double = (delegate* unmanaged<nint, int, int, int, int, int, double*, ulong, int, ulong, int, double*, ulong, int, int>)At("cublasDgemm_v2");
        _singleBatched = (delegate* unmanaged<nint, int, int, int, int, int, float*, ulong, int, long, ulong, int, long, float*, ulong, int, long, int, int>)At("cublasSgemmStridedBatched");
        _doubleBatched = (delegate* unmanaged<nint, int, int, int, int, int, double*, ulong, int, long, ulong, int, long, double*, ulong, int, long, int, int>)At("cublasDgemmStridedBatched");
        _narrow = (delegate* unmanaged<nint, int, int, int, int, int, void*, ulong, int, int, long, ulong, int, int, long, void*, ulong, int, int, long, int, int, int, int>)At("cublasGemmStridedBatchedEx");
        var create = (delegate* unmanaged<nint*, int>)At("cublasCreate_v2");
        nint handle;
        var status = create(&handle);
        if (status != 0) throw Failure(status, $"opening {library.Path}");
        _handle = handle;
    }

    private void Check(int status, string doing, in BatchedProduct p)
    {
        if (status != 0) throw Failure(status, $"{doing} ({p})");
    }

    /// <summary>A lost context shows here as a failure of cuBLAS: then the driver is asked, and says so.</summary>
    private CudaException Failure(int status, string doing)
    {
        if (status is 11 or 13 or 14) driver.Synchronize(new StreamHandle(_stream));
        var name = status switch
        {
            1 => "CUBLAS_STATUS_NOT_INITIALIZED",
            3 => "CUBLAS_STATUS_ALLOC_FAILED",
            7 => "CUBLAS_STATUS_INVALID_VALUE",
            8 => "CUBLAS_STATUS_ARCH_MISMATCH",
            11 => "CUBLAS_STATUS_MAPPING_ERROR",
            13 => "CUBLAS_STATUS_EXECUTION_FAILED",
            14 => "CUBLAS_STATUS_INTERNAL_ERROR",
            15 => "CUBLAS_STATUS_NOT_SUPPORTED",
            _ => $"cuBLAS status {status}",
        };
        var text = $"card {driver.Ordinal}, cuBLAS, {doing}: {name}";
        return status is 1 or 3 ? new CudaOutOfMemoryException(text + " (its workspace did not fit, or the driver is too old for it)") : new CudaException(text);
    }
}
