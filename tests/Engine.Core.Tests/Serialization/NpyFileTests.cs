using System.Text;
using Edifice.Engine.Serialization;

namespace Edifice.Engine.Tests.Serialization;

/// <summary>Files in tests/Golden/numpy were written by NumPy 1.24: a - 5 for a = arange(24) of shape [2, 3, 4], unless said
/// otherwise.</summary>
public sealed class NpyFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Golden(string name) => RepositoryFiles.At("tests", "Golden", "numpy", name);

    [Theory]
    [InlineData("f2", DType.Float16)]
    [InlineData("f4", DType.Float32)]
    [InlineData("f8", DType.Float64)]
    [InlineData("i4", DType.Int32)]
    [InlineData("i8", DType.Int64)]
    [InlineData("f4-big", DType.Float32)]
    [InlineData("i8-big", DType.Int64)]
    [InlineData("f8-columns", DType.Float64)]
    [InlineData("version2", DType.Float32)]
    public void What_numpy_wrote_is_read(string name, DType dtype)
    {
        using var x = NpyFile.Read(Golden(name + ".npy"));
        Assert.Equal(dtype, x.DType);
        Assert.Equal([2, 3, 4], x.Shape.AsSpan().ToArray());
        Assert.Equal(Enumerable.Range(-5, 24).Select(i => (double)i), x.To(DType.Float64).ToArray<double>());
    }

    [Fact]
    public void Truth_values_scalars_and_empty_arrays_are_read()
    {
        Assert.Equal(Enumerable.Range(0, 24).Select(i => i % 3 == 0), NpyFile.Read(Golden("b1.npy")).ToArray<bool>());
        var scalar = NpyFile.Read(Golden("scalar.npy"));
        Assert.Equal((0, 2.5), (scalar.Rank, scalar.Item()));
        Assert.Equal([0, 3], NpyFile.Read(Golden("empty.npy")).Shape.AsSpan().ToArray());
    }

    [Theory]
    [InlineData("f2")]
    [InlineData("f4")]
    [InlineData("f8")]
    [InlineData("i4")]
    [InlineData("i8")]
    [InlineData("b1")]
    [InlineData("scalar")]
    [InlineData("vector")]
    [InlineData("empty")]
    public void What_is_written_is_numpys_file_byte_for_byte(string name)
    {
        NpyFile.Write(_folder.At("x.npy"), NpyFile.Read(Golden(name + ".npy")));
        Assert.Equal(File.ReadAllBytes(Golden(name + ".npy")), File.ReadAllBytes(_folder.At("x.npy")));
    }

    [Theory]
    [InlineData("plain.npz")]
    [InlineData("deflated.npz")]
    public void Archives_are_read_by_name(string name)
    {
        var arrays = NpyFile.ReadArchive(Golden(name));
        Assert.Equal(["x", "y"], arrays.Keys);
        Assert.Equal(Enumerable.Range(-5, 24).Select(i => (float)i), arrays["x"].ToArray<float>());
        Assert.Equal([0, 1, 2], arrays["y"].ToArray<long>());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_archive_that_was_written_is_read_back_and_views_are_written_in_rows(bool compress)
    {
        var x = Tensor.Arange(6, DType.Float32).Reshape(2, 3);
        NpyFile.WriteArchive(_folder.At("x.npz"), [new("a", x), new("b", x.Transpose(0, 1))], compress);
        var read = NpyFile.ReadArchive(_folder.At("x.npz"));
        Assert.Equal([0, 1, 2, 3, 4, 5], read["a"].ToArray<float>());
        Assert.Equal([0, 3, 1, 4, 2, 5], read["b"].ToArray<float>());
        Assert.Equal([3, 2], read["b"].Shape.AsSpan().ToArray());
    }

    [Fact]
    public void An_element_type_without_a_counterpart_is_named_in_both_directions()
    {
        Assert.Contains("<c8", Assert.Throws<SerializationException>(() => NpyFile.Read(Golden("complex.npy"))).Message, StringComparison.Ordinal);
        Assert.Contains("BFloat16", Assert.Throws<TensorException>(() => NpyFile.Write(_folder.At("x.npy"), Tensor.Zeros([2], DType.BFloat16))).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.At("x.npy")));
    }

    [Fact]
    public void A_file_cut_short_or_changed_anywhere_is_refused_or_read_and_never_worse()
    {
        var good = File.ReadAllBytes(Golden("i4.npy"));
        var path = _folder.At("x.npy");
        for (var length = 0; length < good.Length; length++)
        {
            File.WriteAllBytes(path, good[..length]);
            Assert.Throws<SerializationException>(() => NpyFile.Read(path));
        }

        for (var i = 0; i < 128; i++)
        {
            foreach (var value in (byte[])[0, 0x27, 0x39, 0xFF])
            {
                var bad = (byte[])good.Clone();
                bad[i] = value;
                File.WriteAllBytes(path, bad);
                try
                {
                    NpyFile.Read(path).Dispose();
                }
                catch (SerializationException)
                {
                    // the one error there may be
                }
            }
        }
    }

    [Fact]
    public void Extents_beyond_the_file_allocate_nothing()
    {
        var header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2000000000, 2000000000, 2000000000), }\n";
        File.WriteAllBytes(_folder.At("x.npy"), [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.ASCII.GetBytes(header)]);
        Assert.Contains("claims", Assert.Throws<SerializationException>(() => NpyFile.Read(_folder.At("x.npy"))).Message, StringComparison.Ordinal);
    }
}
